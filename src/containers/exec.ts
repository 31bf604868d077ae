import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import type { ExecCreateRequest, ExecInspect } from '../api/container.ts'
import { conflict, internal, invalidArgument, messageOf } from '../errdefs.ts'
import type { ProcessSpec } from '../oci/runtime-spec.ts'
import { availableCapabilities, capabilitiesFor } from '../runtime/capabilities.ts'
import { execMonitored } from '../runtime/monitor.ts'
import { RuntimeError } from '../runtime/oci-runtime.ts'
import { processEnv } from '../runtime/process-env.ts'
import { resizeTerminal, Stdio } from '../runtime/stdio.ts'
import { type ProcessUser, resolveUser } from '../runtime/user.ts'
import { type AttachSession, openSession } from './attach-session.ts'
import type { Container } from './container.ts'
import { type Context, publish, rootfsOf } from './context.ts'
import { parseDetachKeys } from './detach-keys.ts'
import type { Exec } from './exec-table.ts'
import { requireProcessor } from './processor.ts'
import { securityOptions } from './security.ts'
import { requireAllowed } from './state.ts'

export type ExecOptions = {
  readonly detach: boolean
  /** Rows and columns. */
  readonly consoleSize?: readonly [number, number] | undefined
}

const bundleOf = (context: Context, exec: Exec): string => `${context.settings.execDirectory}/${exec.id.slice(0, 16)}`

export const createExec = async (
  context: Context,
  container: Container,
  request: ExecCreateRequest,
): Promise<{ Id: string }> => {
  requireAllowed('exec', container)
  if ((request.Cmd?.length ?? 0) === 0) throw invalidArgument('No exec command specified')
  parseDetachKeys(request.DetachKeys ?? '')
  // Told now, while there is a status to tell it with.
  userOf(context, container, request)
  await requireProcessor(container, rootfsOf(context, container.id))
  const exec: Exec = {
    id: randomBytes(32).toString('hex'),
    container,
    request,
    state: 'created',
    pid: 0,
    exitCode: null,
    started: Promise.withResolvers(),
  }
  context.execs.add(exec)
  publish(context, container, `exec_create: ${(request.Cmd ?? []).join(' ')}`, { execID: exec.id })
  return { Id: exec.id }
}

const userOf = (context: Context, { id, record }: Container, request: ExecCreateRequest): ProcessUser =>
  resolveUser(rootfsOf(context, id), request.User || record.config.User || '', record.hostConfig.GroupAdd ?? [])

const processSpec = (context: Context, { container, request }: Exec, size: ExecOptions['consoleSize']): ProcessSpec => {
  const { config, hostConfig: host } = container.record
  const user = userOf(context, container, request)
  const privileged = request.Privileged || host.Privileged
  const capabilities = capabilitiesFor({ privileged, add: host.CapAdd, drop: host.CapDrop }, availableCapabilities())
  const effective = user.uid === 0 ? capabilities : []
  const tty = request.Tty ?? false
  const own = request.Env ?? []
  const keys = new Set(own.map(entry => entry.split('=', 1)[0]))
  const env = [...(config.Env ?? []).filter(entry => !keys.has(entry.split('=', 1)[0])), ...own]
  const consoleSize = size ?? request.ConsoleSize
  return {
    terminal: tty,
    ...(tty && consoleSize?.[0] ? { consoleSize: { height: consoleSize[0], width: consoleSize[1] } } : {}),
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args: request.Cmd ?? [],
    env: processEnv(env, { hostname: config.Hostname, tty, home: user.home }),
    cwd: request.WorkingDir || config.WorkingDir || '/',
    capabilities: { bounding: capabilities, effective, permitted: effective },
    noNewPrivileges: securityOptions(host.SecurityOpt ?? [], context.settings.config).noNewPrivileges,
  }
}

/** Milliseconds that attached clients get to take the last output. */
const PATIENCE = 2000

const NOT_FOUND = 127
const NOT_EXECUTABLE = 126

/** What the runtime's refusal means, in Docker's words and exit code. */
const failure = (error: unknown): { error: Error; exitCode: number } => {
  if (!(error instanceof RuntimeError)) return { error: error as Error, exitCode: NOT_EXECUTABLE }
  const said = messageOf(error)
  const missing = /executable file not found|no such file or directory/.test(said)
  const message = `OCI runtime exec failed: ${said}`
  return missing
    ? { error: invalidArgument(message, { cause: error }), exitCode: NOT_FOUND }
    : /permission denied/.test(said)
      ? { error: invalidArgument(message, { cause: error }), exitCode: NOT_EXECUTABLE }
      : { error: internal(message, { cause: error }), exitCode: NOT_EXECUTABLE }
}

/** Starts an exec. Gives a session, or undefined when `detach` is asked for. Throws Conflict when it was started before. */
export const startExec = async (
  context: Context,
  exec: Exec,
  options: ExecOptions,
): Promise<AttachSession | undefined> => {
  const { container, request } = exec
  if (exec.state !== 'created') throw conflict(`Exec command ${exec.id} has already run`)
  requireAllowed('exec', container)
  exec.state = 'running'
  const { settings } = context
  const bundle = bundleOf(context, exec)
  const release = (): void => rmSync(bundle, { recursive: true, force: true })
  const tty = request.Tty ?? false
  const stdin = !options.detach && (request.AttachStdin ?? false)
  // conmon lets go of the output before it tells the exit code, and clients ask for the code at the end of the output.
  const codeKnown = Promise.withResolvers<void>()
  const fail = (cause: unknown): Error => {
    const { error, exitCode } = failure(cause)
    exec.state = 'exited'
    exec.exitCode = exitCode
    exec.started.resolve()
    publish(context, container, 'exec_die', { execID: exec.id, exitCode: String(exitCode) })
    codeKnown.resolve()
    release()
    return error
  }
  try {
    mkdirSync(`${bundle}/exit`, { recursive: true, mode: 0o700 })
    writeFileSync(`${bundle}/process.json`, JSON.stringify(processSpec(context, exec, options.consoleSize)))
    publish(context, container, `exec_start: ${(request.Cmd ?? []).join(' ')}`, { execID: exec.id })
    const stdio = new Stdio(bundle)
    const session = options.detach
      ? undefined
      : openSession(stdio, {
          tty,
          stdin,
          stdout: request.AttachStdout ?? false,
          stderr: request.AttachStderr ?? false,
          closesInput: !tty,
          detachKeys: parseDetachKeys(request.DetachKeys ?? ''),
          heldUntil: codeKnown.promise,
          onDetach: () => publish(context, container, 'exec_detach', { execID: exec.id }),
        })
    const monitored = await execMonitored(
      {
        conmon: settings.conmon(),
        runtime: settings.runtime(container.record.hostConfig.Runtime || settings.config.defaultRuntime),
        id: container.id,
        bundle,
        exitDir: `${bundle}/exit`,
        terminal: tty,
        stdin,
        keepStdin: tty,
        processSpec: `${bundle}/process.json`,
      },
      () => {
        if (session) stdio.connect()
      },
    )
    exec.pid = await monitored.pid
    exec.started.resolve()
    const settle = async (): Promise<void> => {
      try {
        exec.exitCode = await monitored.exitCode
      } finally {
        exec.pid = 0
        exec.state = 'exited'
        codeKnown.resolve()
        publish(context, container, 'exec_die', { execID: exec.id, exitCode: String(exec.exitCode ?? -1) })
        await stdio.drained(PATIENCE)
        release()
      }
    }
    // Not among what the engine waits for at its end: an exec may run as long as its container.
    settle().catch(error => context.log.error({ err: error }, 'end of an exec'))
    return session
  } catch (error) {
    throw fail(error)
  }
}

export const resizeExec = async (context: Context, exec: Exec, height: number, width: number): Promise<void> => {
  if (exec.state !== 'running')
    throw conflict(`Container ${exec.container.id} is not running: exec process is not running`)
  await exec.started.promise
  await resizeTerminal(bundleOf(context, exec), height, width)
}

export const inspectExec = ({ id, container, request, state, pid, exitCode }: Exec): ExecInspect => ({
  ID: id,
  Running: state === 'running',
  ExitCode: exitCode,
  ProcessConfig: {
    tty: request.Tty ?? false,
    entrypoint: request.Cmd?.[0] ?? '',
    arguments: request.Cmd?.slice(1) ?? [],
    privileged: request.Privileged ?? false,
    ...(request.User ? { user: request.User } : {}),
  },
  OpenStdin: request.AttachStdin ?? false,
  OpenStderr: request.AttachStderr ?? false,
  OpenStdout: request.AttachStdout ?? false,
  CanRemove: state === 'exited',
  ContainerID: container.id,
  DetachKeys: '',
  Pid: pid,
})
