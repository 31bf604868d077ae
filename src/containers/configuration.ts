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

/** What a container is, from what the client asks and what the image brings; Docker's rules. Throws InvalidArgument. */
export const mergeConfig = (own: ContainerConfig, image: ExecutionConfig, id: string): ContainerConfig => {
  let { Entrypoint, Cmd } = own
  if (Entrypoint == null || Entrypoint.length === 0) {
    if (Cmd == null || Cmd.length === 0) Cmd = image.Cmd
    if (Entrypoint == null) Entrypoint = image.Entrypoint
  } else if (Entrypoint.length === 1 && Entrypoint[0] === '') {
    // The way to say "no entry point" on the command line.
    Entrypoint = null
  }
  if ((Entrypoint?.length ?? 0) + (Cmd?.length ?? 0) === 0) throw invalidArgument('no command specified')
  const env = own.Env ?? []
  for (const entry of env) if (keyOf(entry) === '') throw invalidArgument(`invalid environment variable: ${entry}`)
  // A variable without a value is taken out.
  const merged = mergeEnv(env, image.Env ?? []).filter(entry => entry.includes('='))
  const healthcheck = mergeHealthcheck(own.Healthcheck, image.Healthcheck)
  return {
    ...own,
    Hostname: own.Hostname || id.slice(0, 12),
    Domainname: own.Domainname ?? '',
    User: own.User || image.User || '',
    AttachStdin: own.AttachStdin ?? false,
    AttachStdout: own.AttachStdout ?? false,
    AttachStderr: own.AttachStderr ?? false,
    ExposedPorts: { ...image.ExposedPorts, ...own.ExposedPorts },
    Tty: own.Tty ?? false,
    OpenStdin: own.OpenStdin ?? false,
    StdinOnce: own.StdinOnce ?? false,
    Env: merged.length > 0 ? merged : (own.Env ?? null),
    OnBuild: own.OnBuild ?? null,
    Cmd: Cmd ?? null,
    Entrypoint: Entrypoint ?? null,
    Volumes: { ...image.Volumes, ...own.Volumes },
    WorkingDir: own.WorkingDir || image.WorkingDir || '',
    Labels: { ...image.Labels, ...own.Labels },
    ...(own.StopSignal || image.StopSignal ? { StopSignal: own.StopSignal || image.StopSignal } : {}),
    ...(healthcheck ? { Healthcheck: healthcheck } : {}),
  }
}

/** The program and its arguments. */
export const commandOf = (config: ContainerConfig): string[] => [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])]
