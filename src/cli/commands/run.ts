import { ConnectionError } from '../../api/client.ts'
import { atLeast, type Command, type Context, PROGRAM } from '../command.ts'
import { CREATE_CHECKS } from '../create/checks.ts'
import { CREATE_ALIASES, runFlags } from '../create/create-flags.ts'
import { describe, Failure } from '../failure.ts'
import type { Flags } from '../flags/flags.ts'
import { createContainer } from '../session/create-container.ts'
import { runAttached } from '../session/run-attached.ts'

export const command: Command = {
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  get flags() {
    return runFlags()
  },
  aliases: CREATE_ALIASES,
  check: CREATE_CHECKS,
  interspersed: false,
  args: atLeast(1),
  action: async (context, flags, args) => {
    const { stdout } = context
    const detached = flags.bool('detach')
    if (detached && flags.list('attach').length > 0)
      throw new Failure(1, 'conflicting options: cannot specify both --attach and --detach')
    const attach = flags.list('attach')
    const wantsStdin = !detached && flags.bool('interactive') && (attach.length === 0 || attach.includes('stdin'))
    const tty = flags.bool('tty')
    if (wantsStdin && tty) {
      const { isatty } = await import('node:tty')
      if (!isatty(0)) throw new Failure(1, 'the input device is not a TTY')
    }
    const size = tty ? stdout.size() : undefined
    return await withRunHint(async () => {
      if (!detached) context.client.warm(3)
      const id = await createContainer(context, flags, args, body =>
        size ? { ...body, HostConfig: { ...body.HostConfig, ConsoleSize: [size.rows, size.columns] } } : body,
      )
      return detached || (attach.length === 1 && attach[0] === 'stdin' && !flags.bool('interactive'))
        ? await runDetached(context, id)
        : await attachedRun(context, flags, id, wantsStdin)
    })
  },
}

/** What goes wrong before there is a process is told in `run`'s own way, with the exit code that it has by custom. */
const withRunHint = async (action: () => Promise<number>): Promise<number> => {
  try {
    return await action()
  } catch (error) {
    if (error instanceof Failure && !(error.cause instanceof ConnectionError) && error.exitCode !== 1) throw error
    const text = describe(error)
    throw new Failure(exitCodeOf(text), `${PROGRAM}: ${text}\n\nRun '${PROGRAM} run --help' for more information`, {
      cause: error,
    })
  }
}

/** 127: no such command in the image; 126: it cannot be executed; 125: the container could not be made or started. */
const exitCodeOf = (text: string): number => {
  if (!text.startsWith('Error response from daemon:')) return 125
  if (/executable file not found|no such file or directory|system cannot find the file specified/.test(text))
    return isStartFault(text) ? 127 : 125
  if (/permission denied|is a directory/.test(text)) return isStartFault(text) ? 126 : 125
  return 125
}
const isStartFault = (text: string): boolean =>
  /OCI runtime|failed to create|runc|container process|executable file not found|exec/.test(text)

const runDetached = async ({ client, stdout }: Context, id: string): Promise<number> => {
  stdout.line(id)
  await client.post(`/containers/${id}/start`)
  return 0
}

const attachedRun = async (context: Context, flags: Flags, id: string, stdin: boolean): Promise<number> => {
  const attach = flags.list('attach')
  return await runAttached(context, id, {
    tty: flags.bool('tty'),
    stdin,
    stdout: attach.length === 0 || attach.includes('stdout'),
    stderr: attach.length === 0 || attach.includes('stderr'),
    removed: flags.bool('rm'),
    signalProxy: flags.bool('sig-proxy'),
    detachKeys: flags.changed('detach-keys') ? flags.string('detach-keys') : context.config.settings.detachKeys,
  })
}
