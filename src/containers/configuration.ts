import type { ContainerConfig } from '../api/container.ts'
import { invalidArgument } from '../errdefs.ts'
import type { ExecutionConfig, HealthConfig } from '../oci/image-config.ts'

const keyOf = (entry: string): string => entry.split('=', 1)[0] ?? entry

/** The request's environment, and the image's for what it leaves open. */
const mergeEnv = (own: readonly string[], inherited: readonly string[]): string[] => {
  const known = new Set(own.map(keyOf))
  return [...own, ...inherited.filter(entry => !known.has(keyOf(entry)))]
}

/** What the request leaves open, a zero or an empty list too, is the image's. */
const mergeHealthcheck = (own: HealthConfig | undefined, image: HealthConfig | undefined): HealthConfig | undefined => {
  if (!own || !image) return own ?? image
  const said = Object.entries(own).filter(([, value]) => (Array.isArray(value) ? value.length > 0 : Boolean(value)))
  return { ...image, ...Object.fromEntries(said) }
}

/** A configuration, with what it leaves open taken from another; dockerd's rules of create and commit. */
export const inherit = <Config extends ExecutionConfig>(own: Config, from: ExecutionConfig): Config => {
  const hasEntrypoint = (own.Entrypoint ?? []).length > 0
  const healthcheck = mergeHealthcheck(own.Healthcheck, from.Healthcheck)
  const stopSignal = own.StopSignal || from.StopSignal
  return {
    ...own,
    User: own.User || from.User || '',
    ExposedPorts: { ...from.ExposedPorts, ...own.ExposedPorts },
    Env: mergeEnv(own.Env ?? [], from.Env ?? []),
    Cmd: (hasEntrypoint || (own.Cmd ?? []).length > 0 ? own.Cmd : from.Cmd) ?? null,
    Entrypoint: own.Entrypoint ?? from.Entrypoint ?? null,
    Volumes: { ...from.Volumes, ...own.Volumes },
    WorkingDir: own.WorkingDir || from.WorkingDir || '',
    Labels: { ...from.Labels, ...own.Labels },
    ...(stopSignal ? { StopSignal: stopSignal } : {}),
    ...(healthcheck ? { Healthcheck: healthcheck } : {}),
  }
}

/** What a container is, from what the client asks and what the image brings; Docker's rules. Throws InvalidArgument. */
export const mergeConfig = (own: ContainerConfig, image: ExecutionConfig, id: string): ContainerConfig => {
  const env = own.Env ?? []
  for (const entry of env) if (keyOf(entry) === '') throw invalidArgument(`invalid environment variable: ${entry}`)
  const inherited = inherit(own, image)
  // The way to say "no entry point" on the command line.
  const none = own.Entrypoint?.length === 1 && own.Entrypoint[0] === ''
  const merged = none ? { ...inherited, Entrypoint: null } : inherited
  if (commandOf(merged).length === 0) throw invalidArgument('no command specified')
  // A variable without a value is taken out.
  const variables = (merged.Env ?? []).filter(entry => entry.includes('='))
  return {
    ...merged,
    Hostname: own.Hostname || id.slice(0, 12),
    Domainname: own.Domainname ?? '',
    AttachStdin: own.AttachStdin ?? false,
    AttachStdout: own.AttachStdout ?? false,
    AttachStderr: own.AttachStderr ?? false,
    Tty: own.Tty ?? false,
    OpenStdin: own.OpenStdin ?? false,
    StdinOnce: own.StdinOnce ?? false,
    Env: variables.length > 0 ? variables : (own.Env ?? null),
    OnBuild: own.OnBuild ?? null,
  }
}

/** The program and its arguments. */
export const commandOf = (config: ContainerConfig): string[] => [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])]
