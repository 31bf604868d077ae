import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { codeOf, internal } from '../errdefs.ts'
import { spawnProcess } from '../host/exec.ts'
import { hostsFile } from '../networks/hosts-file.ts'
import type { Endpoint, Networks } from '../networks/networks.ts'
import { type DnsOptions, hostResolvConf, resolvConf } from '../networks/resolv-conf.ts'
import type { MountSpec } from '../oci/runtime-spec.ts'
import { requireRunnable } from '../runtime/emulation.ts'
import { callRuntime, type OciRuntime, runtimeArgs } from '../runtime/oci-runtime.ts'
import { resolveInside } from '../runtime/user.ts'
import type { ShellTerminal } from './shell-terminal.ts'
import type { RunStep, RunStepRequest } from './solver/engine-parts.ts'
import { type StepDefaults, stepSpec } from './step-spec.ts'

export type RunStepSettings = {
  /** Gets one directory a running step. */
  readonly directory: string
  readonly defaults: () => StepDefaults
  readonly dns: () => DnsOptions
  readonly runtime: () => OciRuntime
}

const HOSTNAME = 'build'
/** resolv.conf, hosts and hostname for the step's process. */
const ownFiles = (
  directory: string,
  { limits, network }: RunStepRequest,
  endpoint: Pick<Endpoint, 'address' | 'gateway'> | undefined,
  dns: DnsOptions,
): MountSpec[] => {
  const extra = limits?.extraHosts ?? []
  const files = {
    'resolv.conf': resolvConf(hostResolvConf(), dns, network !== 'host'),
    hosts: hostsFile({ address: endpoint?.address, names: [HOSTNAME], extra, gateway: endpoint?.gateway }),
    hostname: `${HOSTNAME}\n`,
  }
  return Object.entries(files).map(([name, text]) => {
    writeFileSync(`${directory}/${name}`, text, { mode: 0o644 })
    return {
      destination: `/etc/${name}`,
      type: 'bind',
      source: `${directory}/${name}`,
      options: ['rbind', 'rprivate', 'ro'],
    }
  })
}

/** What the runtime itself had to say, if it failed; the step's own output goes elsewhere. */
const runtimeFailure = (logPath: string): string | undefined => {
  let text: string
  try {
    text = readFileSync(logPath, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
  for (const line of text.trim().split('\n').reverse()) {
    if (line === '') continue
    const entry = JSON.parse(line) as { level: string; msg: string }
    if (entry.level === 'error' && entry.msg.includes('run failed')) return entry.msg
  }
  return undefined
}

/** Loaded only when somebody wants it. */
const openTerminal = async (terminal: ShellTerminal) => {
  const { StepTerminal } = await import('./step-terminal.ts')
  return new StepTerminal(terminal)
}

/** Runs the processes of builds: a bundle that the OCI runtime runs to its end in the foreground, with the isolation of a container. */
export const createRunStep = (networks: Networks, settings: RunStepSettings): RunStep => {
  return async (request, onOutput, signal) => {
    signal.throwIfAborted()
    const { id, platform, rootfs } = request
    await requireRunnable(platform, path => {
      const inside = resolveInside(rootfs, path)
      return inside !== undefined && existsSync(inside)
    })
    const runtime = settings.runtime()
    const directory = `${settings.directory}/${id}`
    await using undo = new AsyncDisposableStack()
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    undo.defer(() => rmSync(directory, { recursive: true, force: true }))

    const isolated = request.network !== 'host'
    const sandbox = isolated ? networks.createSandbox(id) : undefined
    let endpoint: Endpoint | undefined
    if (sandbox) {
      undo.defer(() => networks.removeSandbox(id))
      using _ = sandbox.inside
      if (request.network === 'default') {
        endpoint = networks.connect(id, id, sandbox, [])
        undo.defer(() => networks.disconnect(id))
      }
    }
    const spec = stepSpec(request, {
      hostname: HOSTNAME,
      files: ownFiles(directory, request, endpoint, settings.dns()),
      network: sandbox?.path,
      defaults: settings.defaults(),
    })
    writeFileSync(`${directory}/config.json`, JSON.stringify(spec))

    const log = `${directory}/runtime.log`
    let ended = false
    undo.defer(async () => {
      // A run that came to its end has deleted its container, and another program would cost more than the step.
      if (!ended) await callRuntime(runtime, ['delete', '--force', id]).catch(() => '')
    })
    const pty = request.terminal && (await openTerminal(request.terminal))
    if (pty) undo.use(pty)
    const child = spawnProcess(
      [runtime.path, ...runtimeArgs(runtime), '--log', log, '--log-format', 'json', 'run', '--bundle', directory, id],
      { stdio: pty ? [pty.slave, pty.slave, pty.slave] : ['ignore', 'pipe', 'pipe'] },
    )
    pty?.attach(child)
    const abort = (): void => void callRuntime(runtime, ['kill', id, 'KILL']).catch(() => child.kill('SIGKILL'))
    signal.addEventListener('abort', abort, { once: true })
    try {
      child.stdout?.on('data', (chunk: Buffer) => onOutput('stdout', chunk))
      child.stderr?.on('data', (chunk: Buffer) => onOutput('stderr', chunk))
      const exitCode = await new Promise<number>((resolve, reject) => {
        child.once('error', cause => reject(internal(`fork/exec ${runtime.path}: ${cause.message}`, { cause })))
        child.once('close', (code, killed) => {
          ended = code !== null
          resolve(code ?? (killed ? 137 : 1))
        })
      })
      signal.throwIfAborted()
      const failure = exitCode === 0 ? undefined : runtimeFailure(log)
      if (failure !== undefined) {
        throw internal(
          `failed to create task for container: failed to create shim task: OCI runtime create failed: ${failure}`,
        )
      }
      return { exitCode }
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }
}
