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

/** What this process runs on, in Go's words. */
export const hostPlatform = (): Platform => ({
  os: process.platform,
  architecture: ARCHITECTURES[process.arch] ?? process.arch,
  ...(process.arch === 'arm' ? { variant: 'v7' } : {}),
})

/** `linux/arm64/v8`. */
export const formatPlatform = ({ os, architecture, variant }: Platform): string =>
  variant ? `${os}/${architecture}/${variant}` : `${os}/${architecture}`
