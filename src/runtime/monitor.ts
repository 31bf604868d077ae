import type { ChildProcess } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { spawnProcess } from '../host/exec.ts'
import { type OciRuntime, RuntimeError, runtimeArgs, runtimeMessage } from './oci-runtime.ts'

/**
 * conmon: the small program that outlives the daemon beside each process. It keeps the process's stdio, writes the log and,
 * at the end, a file with the exit code. https://github.com/containers/conmon
 */
export type MonitorOptions = {
  readonly conmon: string
  readonly runtime: OciRuntime
  /** The container's id. */
  readonly id: string
  /** Holds the sockets and FIFOs; for a container also `config.json`. */
  readonly bundle: string
  /** Gets one file named as the container when its process ends. */
  readonly exitDir: string
  /** Undefined: the output is not kept. */
  readonly logPath?: string | undefined
  readonly terminal: boolean
  readonly stdin: boolean
  /** Keep the process's stdin open when the last client has closed its side. */
  readonly keepStdin: boolean
}

/** conmon's first word on its synchronisation pipe, and later ones (an exec's exit code). */
type Report = { readonly data: number; readonly message?: string }

const readReports = async function* (pipe: Readable): AsyncGenerator<Report> {
  let text = ''
  for await (const chunk of pipe) {
    text += chunk
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      yield parseReport(text.slice(0, end))
      text = text.slice(end + 1)
    }
  }
}

const parseReport = (line: string): Report => {
  const value = JSON.parse(line) as { data?: number; pid?: number; exit_code?: number; message?: string }
  return { data: value.data ?? value.pid ?? value.exit_code ?? -1, ...(value.message === undefined ? {} : { message: value.message }) }
}

const commonArgs = (options: MonitorOptions): string[] => [
  '--api-version', '1',
  '--cid', options.id,
  '--cuuid', options.id,
  '--runtime', options.runtime.path,
  ...runtimeArgs(options.runtime).flatMap(arg => ['--runtime-arg', arg]),
  '--bundle', options.bundle,
  '--full-attach',
  '--container-pidfile', `${options.bundle}/pid`,
  '--exit-dir', options.exitDir,
  '--log-path', options.logPath === undefined ? 'none' : `k8s-file:${options.logPath}`,
  '--log-level', 'error',
  '--no-sync-log',
  ...(options.terminal ? ['--terminal'] : []),
  ...(options.stdin ? ['--stdin'] : []),
  ...(options.keepStdin ? ['--leave-stdin-open'] : []),
]

const ENVIRONMENT = { PATH: process.env.PATH ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' }

const started = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', error => reject(new RuntimeError(`failed to start conmon: ${error.message}`, { cause: error })))
  })

/** The text of a program's stderr, complete when its process has ended. */
const collect = (stream: Readable): (() => string) => {
  let text = ''
  stream.on('data', chunk => {
    text = (text + chunk).slice(-4096)
  })
  return () => text
}

/** Creates a container (not started) from the bundle and gives the process's id. Throws RuntimeError with the runtime's words. */
export const createMonitored = async (options: MonitorOptions): Promise<number> => {
  const child = spawnProcess([options.conmon, ...commonArgs(options)], {
    env: { ...ENVIRONMENT, _OCI_SYNCPIPE: '3' },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  })
  const stderr = collect(child.stderr as Readable)
  await started(child)
  const pipe = child.stdio[3] as Readable
  try {
    for await (const report of readReports(pipe)) {
      if (report.data > 0) return report.data
      throw new RuntimeError(runtimeMessage(report.message ?? stderr()))
    }
  } finally {
    pipe.destroy()
  }
  throw new RuntimeError(`conmon ended without creating the container: ${stderr().trim()}`)
}

export type MonitoredExec = {
  readonly pid: Promise<number>
  /** Resolves when the process has ended and its output is read. */
  readonly exitCode: Promise<number>
}

/**
 * Runs one more process inside a container. `attach` is called when its stdio can be connected to (`<bundle>/attach`)
 * and before it starts, so that none of its output is lost.
 */
export const execMonitored = async (
  options: MonitorOptions & { readonly processSpec: string },
  attach: () => void,
): Promise<MonitoredExec> => {
  const child = spawnProcess(
    [options.conmon, ...commonArgs(options), '--exec', '--exec-attach', '--exec-process-spec', options.processSpec],
    {
      env: { ...ENVIRONMENT, _OCI_SYNCPIPE: '3', _OCI_ATTACHPIPE: '4', _OCI_STARTPIPE: '5' },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
    },
  )
  const stderr = collect(child.stderr as Readable)
  await started(child)
  const [sync, ready, start] = child.stdio.slice(3) as unknown as [Readable, Readable, Writable]
  start.on('error', () => {})
  start.write('\n')
  try {
    for await (const report of readReports(ready)) {
      if (report.data < 0) throw new RuntimeError(report.message ?? stderr())
      break
    }
    attach()
  } catch (error) {
    sync.destroy()
    throw error
  } finally {
    ready.destroy()
    start.end('\n')
  }
  const pid = Promise.withResolvers<number>()
  const exitCode = Promise.withResolvers<number>()
  // Whoever does not ask for one of the two must not be ended by its rejection.
  pid.promise.catch(() => {})
  exitCode.promise.catch(() => {})
  const follow = async (): Promise<void> => {
    let running = false
    for await (const report of readReports(sync)) {
      if (running) {
        exitCode.resolve(report.data)
        return
      }
      if (report.data < 0) throw new RuntimeError(runtimeMessage(report.message ?? stderr()))
      running = true
      pid.resolve(report.data)
    }
    throw new RuntimeError(running ? 'conmon ended without an exit code' : `conmon ended without starting the process: ${stderr().trim()}`)
  }
  follow().catch(error => {
    pid.reject(error)
    exitCode.reject(error)
  })
  return { pid: pid.promise, exitCode: exitCode.promise }
}
