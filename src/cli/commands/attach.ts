import type { ContainerInspect } from '../../api/container.ts'
import { type Command, exactly } from '../command.ts'
import { Failure } from '../failure.ts'
import { parseDetachKeys } from '../session/detach-keys.ts'
import { followSize } from '../session/follow-size.ts'
import { forwardSignals } from '../session/forward-signals.ts'
import { streamSession } from '../session/stream-session.ts'
import { waitExit } from '../session/wait-exit.ts'

export const command: Command = {
  usage: '[OPTIONS] CONTAINER',
  flags: `
      --detach-keys string   Override the key sequence for detaching a container
      --no-stdin             Do not attach STDIN
      --sig-proxy            Proxy all received signals to the process (default true)
`,
  args: exactly(1),
  action: async ({ client, stdout, stderr, config }, flags, [name = '']) => {
    const { Id, State, Config } = await client.get<ContainerInspect>(`/containers/${encodeURIComponent(name)}/json`)
    if (!State.Running) throw new Failure(1, 'You cannot attach to a stopped container, start it first')
    if (State.Paused) throw new Failure(1, 'You cannot attach to a paused container, unpause it first')
    if (State.Restarting) throw new Failure(1, 'You cannot attach to a restarting container, wait until it is running')
    const path = `/containers/${Id}`
    const tty = Config.Tty === true
    const stdin = Config.OpenStdin === true && !flags.bool('no-stdin')
    if (tty && stdin) {
      const { isatty } = await import('node:tty')
      if (!isatty(0)) throw new Failure(1, 'the input device is not a TTY')
    }
    const keys = flags.changed('detach-keys') ? flags.string('detach-keys') : config.settings.detachKeys
    const [{ socket }, { exitCode }] = await Promise.all([
      client.hijack(`${path}/attach`, {
        query: { stream: true, stdin: stdin || undefined, stdout: true, stderr: true, detachKeys: keys || undefined },
      }),
      waitExit(client, Id, false),
    ])
    await using cleanup = new AsyncDisposableStack()
    if (flags.bool('sig-proxy') && !tty)
      cleanup.use(forwardSignals(signal => client.post(`${path}/kill`, { query: { signal } })))
    if (tty && stdin) {
      const { rawTerminal } = await import('../session/raw-terminal.ts')
      cleanup.use(await rawTerminal())
    }
    if (tty && stdout.isTerminal) cleanup.use(followSize(client, path, stdout, true))
    const detachKeys = tty && stdin ? parseDetachKeys(keys ?? '') : undefined
    const outcome = await streamSession({ socket, tty, stdin, stdout, stderr, detachKeys })
    if (outcome === 'detached') throw new Failure(1, 'read escape sequence')
    return await exitCode
  },
}
