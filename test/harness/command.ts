import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { repository } from './suite-root.ts'

export type CommandResult = { readonly code: number | null; readonly stdout: string; readonly stderr: string }

export type CommandOptions = {
  /** What it reads, and then the end. `open`: nothing comes and no end. */
  readonly stdin?: string | Uint8Array | 'open'
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** Milliseconds until it is killed, which fails the test; 60,000 when left out. */
  readonly timeout?: number
}

/** Runs a program to its end, whatever it ends with. */
export const run = (argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> =>
  new Promise((resolve, reject) => {
    const [file = '', ...args] = argv
    const timeout = options.timeout ?? 60_000
    const child = spawn(file, args, { env: { ...process.env, ...options.env }, cwd: options.cwd ?? repository })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    const texts = () => ({ stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() })
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      const { stdout: out, stderr: err } = texts()
      reject(new Error(`${argv.join(' ')} did not end within ${timeout} ms\nstdout: ${out}\nstderr: ${err}`))
    }, timeout)
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
    child.stdin.on('error', () => {})
    if (options.stdin !== 'open') child.stdin.end(options.stdin)
    child.once('error', reject)
    child.once('close', code => {
      clearTimeout(timer)
      resolve({ code, ...texts() })
    })
  })

/** Starts a program that the caller drives: `await using` it, and it is killed at the end of the block. */
export const start = (argv: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess & AsyncDisposable => {
  const [file = '', ...args] = argv
  const child = spawn(file, args, { env: { ...process.env, ...env }, cwd: repository })
  const gone = new Promise<void>(resolve => child.once('close', () => resolve()))
  return Object.assign(child, {
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await gone
    },
  })
}

/** As `run`, but the program has a terminal, on which nobody types: what it prints comes as one text, with the terminal's line ends. */
export const runInTerminal = (command: string, options: CommandOptions = {}): Promise<CommandResult> =>
  run(['script', '--quiet', '--return', '--command', command, '/dev/null'], { stdin: 'open', ...options })

export const launcher = join(repository, 'tare')
