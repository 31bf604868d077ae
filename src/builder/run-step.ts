import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { posix } from 'node:path'
import { codeOf, internal } from '../errdefs.ts'
import { spawnProcess } from '../host/exec.ts'
import { hostsFile } from '../networks/hosts-file.ts'
import type { Networks } from '../networks/networks.ts'
import { hostResolvConf, resolvConf } from '../networks/resolv-conf.ts'
import type { MountSpec, NamespaceType, RuntimeSpec } from '../oci/runtime-spec.ts'
import { availableCapabilities, capabilitiesFor } from '../runtime/capabilities.ts'
import { DEVICE_RULES, defaultMounts, MASKED_PATHS, OCI_VERSION, READONLY_PATHS } from '../runtime/default-spec.ts'
import { requireRunnable } from '../runtime/emulation.ts'
import { callRuntime, type OciRuntime, runtimeArgs } from '../runtime/oci-runtime.ts'
import { processEnv } from '../runtime/process-env.ts'
import { defaultSeccomp } from '../runtime/seccomp.ts'
import { resolveInside, resolveUser } from '../runtime/user.ts'
import type { ShellTerminal } from './shell-terminal.ts'
import type { RunStep, RunStepRequest } from './solver/engine-parts.ts'

export type RunStepSettings = {
  /** Gets one directory a running step. */
  readonly directory: string
  readonly cgroupParent: string
  readonly runtime: () => OciRuntime
}

const HOSTNAME = 'build'
const NAMESPACES: readonly NamespaceType[] = ['mount', 'pid', 'ipc', 'uts']

const stepSpec = (
  request: RunStepRequest,
  files: readonly MountSpec[],
  network: string | undefined,
  cgroupParent: string,
): RuntimeSpec => {
  const user = resolveUser(request.rootfs, request.user)
  const capabilities = capabilitiesFor({}, availableCapabilities())
  const effective = user.uid === 0 ? capabilities : []
  return {
    ociVersion: OCI_VERSION,
    process: {
      user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
      ...(request.terminal === undefined ? {} : { terminal: true }),
      args: request.args,
      env: processEnv(request.env, { tty: request.terminal !== undefined, home: user.home }),
      cwd: request.cwd || '/',
      capabilities: { bounding: capabilities, effective, permitted: effective },
    },
    root: { path: request.rootfs },
    hostname: HOSTNAME,
    mounts: mountsOf([...defaultMounts(), ...files], request.mounts ?? []),
    linux: {
      namespaces: [
        ...NAMESPACES.map(type => ({ type })),
        ...(network === undefined ? [] : [{ type: 'network' as const, path: network }]),
      ],
      cgroupsPath: posix.join('/', cgroupParent, request.id),
      resources: { devices: DEVICE_RULES },
      seccomp: defaultSeccomp(capabilities),
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READONLY_PATHS,
    },
  }
}

/** What a step mounts itself comes instead of what every step has there. */
const mountsOf = (usual: readonly MountSpec[], own: readonly MountSpec[]): MountSpec[] => [
  ...usual.filter(({ destination }) => !own.some(mount => mount.destination === destination)),
  ...own,
]

/** resolv.conf, hosts and hostname for the step's process. */
const ownFiles = (directory: string, isolated: boolean, address: string | undefined): MountSpec[] => {
  const files = {
    'resolv.conf': resolvConf(hostResolvConf(), {}, isolated),
    hosts: hostsFile({ address, names: [HOSTNAME], extra: [], gateway: undefined }),
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
    let address: string | undefined
    if (sandbox) {
      undo.defer(() => networks.removeSandbox(id))
      using _ = sandbox.inside
      if (request.network === 'default') {
        address = networks.connect(id, id, sandbox, []).address
        undo.defer(() => networks.disconnect(id))
      }
    }
    const spec = stepSpec(request, ownFiles(directory, isolated, address), sandbox?.path, settings.cgroupParent)
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
