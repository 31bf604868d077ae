import { invalidArgument } from '../errdefs.ts'

/** https://github.com/opencontainers/image-spec/blob/main/image-index.md */
export type Platform = {
  readonly os: string
  readonly architecture: string
  readonly variant?: string | undefined
  readonly 'os.version'?: string | undefined
  readonly 'os.features'?: readonly string[] | undefined
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  ia32: '386',
  ppc64: 'ppc64le',
  s390x: 's390x',
  riscv64: 'riscv64',
}

/** What this process runs on, in Go's words. `variant` is the processor's, for those who know it. */
export const hostPlatform = (variant: string | undefined = process.arch === 'arm' ? 'v7' : undefined): Platform => ({
  os: process.platform,
  architecture: ARCHITECTURES[process.arch] ?? process.arch,
  ...(variant === undefined ? {} : { variant }),
})

/** `linux/arm64/v8`. */
export const formatPlatform = ({ os, architecture, variant }: Platform): string =>
  variant ? `${os}/${architecture}/${variant}` : `${os}/${architecture}`

const ALIASES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  i386: '386',
  armhf: 'arm',
}
const PART = /^[a-z0-9_.-]+$/

/** `linux/arm64[/v8]`, or one part of it. InvalidArgument. https://github.com/containerd/platforms */
export const parsePlatform = (text: string): Platform => {
  const parts = text.toLowerCase().split('/')
  const [first = '', second, variant] = parts
  if (parts.length > 3 || parts.some(part => !PART.test(part))) {
    throw invalidArgument(
      `failed to parse platform ${text}: ${JSON.stringify(text)}: cannot parse platform specifier: invalid argument`,
    )
  }
  const architecture = (name: string): string => ALIASES[name] ?? name
  if (second !== undefined) return { os: first, architecture: architecture(second), ...(variant ? { variant } : {}) }
  const host = hostPlatform()
  return OPERATING_SYSTEMS.includes(first)
    ? { ...host, os: first }
    : { os: host.os, architecture: architecture(first), ...(variant ? { variant } : {}) }
}

const OPERATING_SYSTEMS = ['linux', 'windows', 'freebsd', 'darwin']
/** The variant that is meant where none is named. */
const IMPLIED: Readonly<Record<string, string>> = { arm64: 'v8', arm: 'v7', amd64: 'v1' }

const variantOf = ({ architecture, variant }: Platform): string => variant || (IMPLIED[architecture] ?? '')

/** Whether both name the same kind of machine; `arm64` is `arm64/v8`. */
export const samePlatform = (one: Platform, other: Platform): boolean =>
  one.os === other.os && one.architecture === other.architecture && variantOf(one) === variantOf(other)

/**
 * How well `offered` does where `wanted` is asked for: 0 is exact, more is worse, undefined is not at all. Processors run
 * their forebears' programs: amd64 those of 386, arm64 those of arm, a variant those of lower ones.
 */
export const platformDistance = (wanted: Platform, offered: Platform): number | undefined => {
  if (wanted.os !== offered.os) return undefined
  const version = (platform: Platform): number => Number.parseInt(variantOf(platform).slice(1), 10) || 0
  if (wanted.architecture === offered.architecture) {
    const distance = version(wanted) - version(offered)
    return distance < 0 ? undefined : distance
  }
  if (wanted.architecture === 'amd64' && offered.architecture === '386') return 100
  if (wanted.architecture === 'arm64' && offered.architecture === 'arm') return 100 + 8 - version(offered)
  return undefined
}
