import type { Digest } from './digest.ts'

/** The part of an image's configuration that a container takes over; Docker's extensions included. */
export type ExecutionConfig = {
  readonly User?: string | undefined
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>> | null | undefined
  readonly Env?: readonly string[] | null | undefined
  readonly Entrypoint?: readonly string[] | null | undefined
  readonly Cmd?: readonly string[] | null | undefined
  readonly Volumes?: Readonly<Record<string, Record<string, never>>> | null | undefined
  readonly WorkingDir?: string | undefined
  readonly Labels?: Readonly<Record<string, string>> | null | undefined
  readonly StopSignal?: string | undefined
  readonly Shell?: readonly string[] | null | undefined
  readonly OnBuild?: readonly string[] | null | undefined
  readonly Healthcheck?: HealthConfig | undefined
  readonly ArgsEscaped?: boolean | undefined
}

/** Durations are nanoseconds. */
export type HealthConfig = {
  readonly Test?: readonly string[] | undefined
  readonly Interval?: number | undefined
  readonly Timeout?: number | undefined
  readonly StartPeriod?: number | undefined
  readonly StartInterval?: number | undefined
  readonly Retries?: number | undefined
}

export type History = {
  readonly created?: string | undefined
  readonly created_by?: string | undefined
  readonly author?: string | undefined
  readonly comment?: string | undefined
  readonly empty_layer?: boolean | undefined
}

/** https://github.com/opencontainers/image-spec/blob/main/config.md */
export type ImageConfig = {
  readonly created?: string | undefined
  readonly author?: string | undefined
  readonly architecture: string
  readonly variant?: string | undefined
  readonly os: string
  readonly 'os.version'?: string | undefined
  readonly 'os.features'?: readonly string[] | undefined
  readonly config?: ExecutionConfig | undefined
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly Digest[] }
  readonly history?: readonly History[] | undefined
}
