import type { ContainerInspect } from '../../api/container.ts'
import { atLeast, type Command, type Context } from '../command.ts'
import { describe, Failure } from '../failure.ts'
import type { Flags } from '../flags/flags.ts'
import { runAttached } from '../session/run-attached.ts'

export const command: Command = {
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: `
  -a, --attach               Attach STDOUT/STDERR and forward signals
      --detach-keys string   Override the key sequence for detaching a container
  -i, --interactive          Attach container's STDIN
`,
  args: atLeast(1),
  action: async (context, flags, names) => {
    if (!flags.bool('attach') && !flags.bool('interactive')) return await startAll(context, names)
    if (names.length > 1) throw new Failure(1, 'you cannot start and attach multiple containers at once')
    return await startAttached(context, flags, names[0] as string)
  },
}

const startAll = async ({ client, stdout, stderr }: Context, names: readonly string[]): Promise<number> => {
  const failed: string[] = []
  for (const name of names) {
    try {
      await client.post(`/containers/${encodeURIComponent(name)}/start`)
      stdout.line(name)
    } catch (error) {
      stderr.line(describe(error))
      failed.push(name)
    }
  }
  if (failed.length > 0) throw new Failure(1, `Error: failed to start containers: ${failed.join(', ')}`)
  return 0
}

const startAttached = async (context: Context, flags: Flags, name: string): Promise<number> => {
  const container = await context.client.get<ContainerInspect>(`/containers/${encodeURIComponent(name)}/json`)
  const stdin = flags.bool('interactive') && container.Config.OpenStdin === true
  return await runAttached(context, container.Id, {
    tty: container.Config.Tty === true,
    stdin,
    stdout: true,
    stderr: true,
    removed: container.HostConfig.AutoRemove === true,
    signalProxy: container.Config.Tty !== true,
    detachKeys: flags.changed('detach-keys') ? flags.string('detach-keys') : context.config.settings.detachKeys,
  })
}
