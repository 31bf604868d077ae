import { posix } from 'node:path'
import type { MountSpec, NamespaceType, RuntimeSpec } from '../oci/runtime-spec.ts'
import { availableCapabilities, capabilitiesFor } from '../runtime/capabilities.ts'
import { DEVICE_RULES, defaultMounts, MASKED_PATHS, OCI_VERSION, READONLY_PATHS } from '../runtime/default-spec.ts'
import { processEnv } from '../runtime/process-env.ts'
import { defaultSeccomp } from '../runtime/seccomp.ts'
import { resolveUser } from '../runtime/user.ts'
import type { RunStepRequest } from './solver/engine-parts.ts'
import { type StepLimits, stepResources, stepRlimits } from './step-limits.ts'

/** What the daemon gives to every step that does not ask for something else. */
export type StepDefaults = {
  readonly cgroupParent: string
  /** Bytes. */
  readonly shmSize: number
  readonly ulimits: StepLimits['ulimits']
}

type Facts = {
  readonly hostname: string
  /** The daemon's own files. */
  readonly files: readonly MountSpec[]
  /** A network namespace; undefined: the host's. */
  readonly network: string | undefined
  readonly defaults: StepDefaults
}

const NAMESPACES: readonly NamespaceType[] = ['mount', 'pid', 'ipc', 'uts']

/** What the OCI runtime is told of a step's process. Throws InvalidArgument for a user that the image does not know. */
export const stepSpec = (request: RunStepRequest, { hostname, files, network, defaults }: Facts): RuntimeSpec => {
  const { limits } = request
  const user = resolveUser(request.rootfs, request.user)
  const privileged = request.security === 'insecure'
  const capabilities = capabilitiesFor({ privileged }, availableCapabilities())
  const effective = user.uid === 0 ? capabilities : []
  const rlimits = stepRlimits(limits ?? { ulimits: [] }, defaults.ulimits)
  return {
    ociVersion: OCI_VERSION,
    process: {
      user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
      ...(request.terminal === undefined ? {} : { terminal: true }),
      args: request.args,
      env: processEnv(request.env, { tty: request.terminal !== undefined, home: user.home }),
      cwd: request.cwd || '/',
      capabilities: { bounding: capabilities, effective, permitted: effective },
      rlimits,
    },
    root: { path: request.rootfs },
    hostname,
    mounts: mountsOf(
      [...defaultMounts({ shmSize: limits?.shmSize || defaults.shmSize, privileged }), ...files],
      request.mounts ?? [],
    ),
    linux: {
      namespaces: [
        ...NAMESPACES.map(type => ({ type })),
        ...(network === undefined ? [] : [{ type: 'network' as const, path: network }]),
      ],
      cgroupsPath: posix.join('/', limits?.cgroupParent || defaults.cgroupParent, request.id),
      resources: {
        devices: privileged ? [{ allow: true, access: 'rwm' }] : DEVICE_RULES,
        ...(limits === undefined ? {} : stepResources(limits)),
      },
      ...(privileged
        ? {}
        : { seccomp: defaultSeccomp(capabilities), maskedPaths: MASKED_PATHS, readonlyPaths: READONLY_PATHS }),
    },
  }
}

/** What a step mounts itself comes instead of what every step has there. */
const mountsOf = (usual: readonly MountSpec[], own: readonly MountSpec[]): MountSpec[] => [
  ...usual.filter(({ destination }) => !own.some(mount => mount.destination === destination)),
  ...own,
]
