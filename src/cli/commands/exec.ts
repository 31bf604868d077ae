import type { ExecCreateRequest, ExecInspect } from '../../api/container.ts'
import { atLeast, type Command } from '../command.ts'
import { checkEnv, readKeyValueFile } from '../create/environment.ts'
import { Failure } from '../failure.ts'
import { parseDetachKeys } from '../session/detach-keys.ts'
import { followSize } from '../session/follow-size.ts'
import { streamSession } from '../session/stream-session.ts'

export const command: Command = {
  usage: '[OPTIONS] CONTAINER COMMAND [ARG...]',
  flags: `
  -d, --detach               Detached mode: run command in the background
      --detach-keys string   Override the key sequence for detaching a container
  -e, --env list             Set environment variables
      --env-file list        Read in a file of environment variables
  -i, --interactive          Keep STDIN open even if not attached
      --privileged           Give extended privileges to the command
  -t, --tty                  Allocate a pseudo-TTY
  -u, --user string          Username or UID (format: "<name|uid>[:<group|gid>]")
  -w, --workdir string       Working directory inside the container
`,
  check: { env: checkEnv },
  interspersed: false,
  args: atLeast(2),
  action: async ({ client, stdout, stderr, config }, flags, [name = '', ...Cmd]) => {
    const detached = flags.bool('detach')
    const tty = flags.bool('tty')
    const stdin = flags.bool('interactive') && !detached
    const keys = flags.changed('detach-keys') ? flags.string('detach-keys') : config.settings.detachKeys
    if (stdin && tty) {
      const { isatty } = await import('node:tty')
      if (!isatty(0)) throw new Failure(1, 'the input device is not a TTY')
    }
    const size = tty ? stdout.size() : undefined
    const ConsoleSize = size ? ([size.rows, size.columns] as const) : undefined
    const body: ExecCreateRequest = {
      User: flags.string('user'),
      Privileged: flags.bool('privileged'),
      Tty: tty,
      ConsoleSize,
      AttachStdin: stdin,
      AttachStdout: !detached,
      AttachStderr: !detached,
      DetachKeys: keys,
      Env: [
        ...flags.list('env-file').flatMap(path => readKeyValueFile(path, variable => process.env[variable])),
        ...flags.list('env'),
      ],
      WorkingDir: flags.string('workdir'),
      Cmd,
    }
    if (!detached) client.warm(2)
    const { Id } = await client.post<{ Id: string }>(`/containers/${encodeURIComponent(name)}/exec`, { json: body })
    const path = `/exec/${Id}`
    if (detached) {
      await client.post(`${path}/start`, { json: { Detach: true, Tty: tty, ConsoleSize } })
      return 0
    }
    const { socket } = await client.hijack(`${path}/start`, { json: { Detach: false, Tty: tty, ConsoleSize } })
    {
      await using cleanup = new AsyncDisposableStack()
      if (stdin && tty) {
        const { rawTerminal } = await import('../session/raw-terminal.ts')
        cleanup.use(await rawTerminal())
      }
      if (tty && stdout.isTerminal) cleanup.use(followSize(client, path, stdout))
      const detachKeys = stdin && tty ? parseDetachKeys(keys ?? '') : undefined
      const outcome = await streamSession({ socket, tty, stdin, stdout, stderr, detachKeys })
      if (outcome === 'detached') throw new Failure(1, 'read escape sequence')
    }
    const { ExitCode } = await client.get<ExecInspect>(`${path}/json`)
    return ExitCode ?? 0
  },
}
