import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'

/** A program that could not be started or did not end with 0. */
export class CommandError extends Error {
  readonly argv: readonly string[]
  /** Undefined when it never started or was killed. */
  readonly exitCode: number | undefined
  readonly signal: NodeJS.Signals | undefined
  /** The last 4 KiB. */
  readonly stderr: string
  /** errno name when it could not be started: `ENOENT`. */
  readonly code: string | undefined

  constructor(
    argv: readonly string[],
    facts: {
      exitCode?: number | undefined
      signal?: NodeJS.Signals | undefined
      stderr?: string
      code?: string | undefined
      cause?: unknown
    },
  ) {
    const stderr = facts.stderr ?? ''
    const reason =
      facts.code !== undefined
        ? `could not be started (${facts.code})`
        : facts.signal !== undefined
          ? `was killed by ${facts.signal}`
          : `ended with ${facts.exitCode}`
    const detail = stderr.trim()
    super(`${argv[0]} ${reason}${detail ? `: ${detail}` : ''}`, { cause: facts.cause })
    this.name = 'CommandError'
    this.argv = argv
    this.exitCode = facts.exitCode
    this.signal = facts.signal
    this.stderr = stderr
    this.code = facts.code
  }
}

export type ExecOptions = {
  readonly stdin?: string | Uint8Array | undefined
  /** Whole environment; the daemon's own when left out. */
  readonly env?: NodeJS.ProcessEnv | undefined
  readonly cwd?: string | undefined
  /** Kills the program with SIGKILL. */
  readonly signal?: AbortSignal | undefined
  /** Gets the output as it comes; what is taken here is not collected. */
  readonly onStdout?: ((chunk: Buffer) => void) | undefined
  readonly onStderr?: ((chunk: Buffer) => void) | undefined
}

const TAIL = 4096

/** Runs a program to its end. Throws CommandError unless it ends with 0; output is collected whole, so keep it small. */
export const exec = (argv: readonly string[], options: ExecOptions = {}): Promise<{ stdout: string; stderr: string }> =>
  new Promise((resolve, reject) => {
    const [file, ...args] = argv
    if (file === undefined) throw new TypeError('exec: empty argv')
    const child = spawn(file, args, {
      env: options.env,
      cwd: options.cwd,
      signal: options.signal,
      killSignal: 'SIGKILL',
      stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    const stdout: Buffer[] = []
    let stderr = ''
    child.stdout?.on('data', options.onStdout ?? ((chunk: Buffer) => stdout.push(chunk)))
    child.stderr?.on('data', (chunk: Buffer) => {
      options.onStderr?.(chunk)
      stderr = (stderr + chunk.toString()).slice(-TAIL)
    })
    // A program that ends without reading its input is judged by its exit code, not by the broken pipe.
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.stdin)
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.name === 'AbortError' ? error : new CommandError(argv, { code: error.code ?? 'unknown', cause: error }),
      ),
    )
    child.once('close', (exitCode, signal) => {
      if (exitCode === 0) resolve({ stdout: Buffer.concat(stdout).toString(), stderr })
      else reject(new CommandError(argv, { exitCode: exitCode ?? undefined, signal: signal ?? undefined, stderr }))
    })
  })

/** Starts a program whose streams the caller drives. */
export const spawnProcess = (argv: readonly string[], options: SpawnOptions = {}): ChildProcess => {
  const [file, ...args] = argv
  if (file === undefined) throw new TypeError('spawnProcess: empty argv')
  return spawn(file, args, options)
}
