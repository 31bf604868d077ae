import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { codeOf, messageOf } from '../errdefs.ts'
import { type ChildDescriptor, posixSpawn, type SpawnedChild } from '../host/posix-spawn.ts'
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
  return {
    data: value.data ?? value.pid ?? value.exit_code ?? -1,
    ...(value.message === undefined ? {} : { message: value.message }),
  }
}

const commonArgs = (options: MonitorOptions): string[] => [
  '--api-version',
  '1',
  '--cid',
  options.id,
  '--cuuid',
  options.id,
  '--runtime',
  options.runtime.path,
  ...runtimeArgs(options.runtime).flatMap(arg => ['--runtime-arg', arg]),
  '--bundle',
  options.bundle,
  '--full-attach',
  '--container-pidfile',
  `${options.bundle}/pid`,
  '--exit-dir',
  options.exitDir,
  '--log-path',
  options.logPath === undefined ? 'none' : `k8s-file:${options.logPath}`,
  '--log-level',
  'error',
  '--no-sync-log',
  ...(options.terminal ? ['--terminal'] : []),
  ...(options.stdin ? ['--stdin'] : []),
  ...(options.keepStdin ? ['--leave-stdin-open'] : []),
]

const ENVIRONMENT = { PATH: process.env.PATH ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' }

const STDERR = 2
const SYNC = 3
const READY = 4
const START = 5

/** Starts conmon. It goes its own way at once: what was started here ends as soon as it has forked. */
const startMonitor = (
  options: MonitorOptions,
  more: readonly string[],
  env: Readonly<Record<string, string>>,
  pipes: readonly ChildDescriptor[],
): SpawnedChild => {
  try {
    const argv = [...commonArgs(options), ...more]
    // It leaves a file `oom` in the directory that it works in.
    return posixSpawn(
      options.conmon,
      argv,
      { ...ENVIRONMENT, ...env },
      ['null', 'null', 'write', ...pipes],
      options.bundle,
    )
  } catch (cause) {
    throw new RuntimeError(`failed to start conmon: ${messageOf(cause)}`, { cause })
  }
}

const pipeOf = (child: SpawnedChild, number: number): Socket => {
  const pipe = child.pipes.get(number)
  if (!pipe) throw new TypeError(`conmon was started without pipe ${number}`)
  // What breaks on the other side ends the reading, and is told by what was not read.
  pipe.on('error', () => {})
  return pipe
}

/** The text of a program's stderr, complete when its process has ended. */
const collect = (stream: Readable): (() => string) => {
  let text = ''
  stream.on('data', chunk => {
    text = (text + chunk).slice(-4096)
  })
  return () => text
}

/**
 * Creates a container (not started) from the bundle and gives the process's id. Throws RuntimeError with the runtime's words, or what
 * `signal` was aborted with: a runtime may hang, on a FIFO in the container's files for one. Then the monitor and the runtime have
 * been killed, and what is there of the container is to be deleted with force.
 */
export const createMonitored = async (options: MonitorOptions, signal: AbortSignal): Promise<number> => {
  signal.throwIfAborted()
  const pidFile = `${options.bundle}/conmon.pid`
  const more = ['--conmon-pidfile', pidFile]
  const child = startMonitor(options, more, { _OCI_SYNCPIPE: String(SYNC) }, ['write'])
  const stderr = collect(pipeOf(child, STDERR))
  const pipe = pipeOf(child, SYNC)
  // What was started writes the file and ends at once; the monitor leads a group, in which the runtime is.
  let reaped = false
  const reap = (): void => {
    if (!reaped) child.reap()
    reaped = true
  }
  const abort = (): void => {
    reap()
    killGroup(pidFile)
  }
  signal.addEventListener('abort', abort, { once: true })
  try {
    for await (const report of readReports(pipe)) {
      signal.throwIfAborted()
      if (report.data > 0) return report.data
      throw new RuntimeError(runtimeMessage(report.message ?? stderr()))
    }
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
    pipe.destroy()
    reap()
  }
  signal.throwIfAborted()
  throw new RuntimeError(`conmon ended without creating the container: ${stderr().trim()}`)
}

const killGroup = (pidFile: string): void => {
  try {
    const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10)
    if (pid > 1) process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // It has ended already, or never began.
    if (codeOf(error) !== 'ESRCH' && codeOf(error) !== 'ENOENT') throw error
  }
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
  const child = startMonitor(
    options,
    ['--exec', '--exec-attach', '--exec-process-spec', options.processSpec],
    { _OCI_SYNCPIPE: String(SYNC), _OCI_ATTACHPIPE: String(READY), _OCI_STARTPIPE: String(START) },
    ['write', 'write', 'read'],
  )
  const stderr = collect(pipeOf(child, STDERR))
  const [sync, ready, start] = [pipeOf(child, SYNC), pipeOf(child, READY), pipeOf(child, START)]
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
    child.reap()
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
    throw new RuntimeError(
      running ? 'conmon ended without an exit code' : `conmon ended without starting the process: ${stderr().trim()}`,
    )
  }
  follow().catch(error => {
    pid.reject(error)
    exitCode.reject(error)
  })
  return { pid: pid.promise, exitCode: exitCode.promise }
}
