import { type Descriptor, mediaTypes } from '../../oci/descriptor.ts'
import { canonicalName, parseReference, type Reference } from '../../oci/reference.ts'
import { Failure } from '../failure.ts'
import { type ImageManifest, ordered } from './image-manifest.ts'

/** https://go.dev/doc/install/source#environment, as far as Docker takes them. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  darwin: ['386', 'amd64', 'arm', 'arm64'],
  dragonfly: ['amd64'],
  freebsd: ['386', 'amd64', 'arm'],
  linux: ['386', 'amd64', 'arm', 'arm64', 'ppc64le', 'mips64', 'mips64le', 'riscv64', 's390x'],
  netbsd: ['386', 'amd64', 'arm'],
  openbsd: ['386', 'amd64', 'arm'],
  plan9: ['386', 'amd64'],
  solaris: ['amd64'],
  windows: ['386', 'amd64'],
}

export type Annotations = {
  readonly os: string
  readonly architecture: string
  readonly variant: string
  readonly version: string
  readonly features: readonly string[]
}

/** The manifest with what `annotate` says put over its platform. Throws Failure for a pair that no program runs on. */
export const annotated = (manifest: ImageManifest, given: Annotations): ImageManifest => {
  const { platform } = manifest.Descriptor
  const features = [...new Set([...(platform?.['os.features'] ?? []), ...given.features])]
  const merged = ordered({
    os: given.os || platform?.os || '',
    architecture: given.architecture || platform?.architecture || '',
    variant: given.variant || platform?.variant,
    'os.version': given.version || platform?.['os.version'],
    'os.features': features,
  })
  if (!KNOWN[merged.os]?.includes(merged.architecture))
    throw new Failure(
      1,
      `manifest entry for image has unsupported os/arch combination: ${given.os}/${given.architecture}`,
    )
  return { ...manifest, Descriptor: { ...manifest.Descriptor, platform: merged } }
}

/** The bytes of the list, as Docker writes them, and their type: that of OCI when the first manifest is. Throws Failure. */
export const manifestList = (
  manifests: readonly ImageManifest[],
  target: Reference,
): { readonly mediaType: string; readonly bytes: Buffer } => {
  const entries = manifests.map(({ Ref, Descriptor }) => {
    const { domain } = parseReference(Ref)
    if (domain !== target.domain)
      throw new Failure(
        1,
        `cannot use source images from a different registry than the target image: ${domain} != ${target.domain}`,
      )
    return entryOf(Descriptor)
  })
  const mediaType = entries[0]?.mediaType === mediaTypes.manifest ? mediaTypes.index : mediaTypes.dockerManifestList
  const list = { schemaVersion: 2, mediaType, manifests: entries }
  return { mediaType, bytes: Buffer.from(JSON.stringify(list, undefined, 3)) }
}

const entryOf = ({ mediaType, size, digest, platform }: Descriptor): Descriptor => ({
  mediaType,
  size,
  digest,
  platform: ordered(platform ?? { os: '', architecture: '' }),
})

/** Each must say what it runs on before others are to choose among them. */
export const requirePlatforms = (manifests: readonly ImageManifest[]): void => {
  for (const { Ref, Descriptor } of manifests)
    if (!Descriptor.platform?.os || !Descriptor.platform.architecture)
      throw new Failure(
        1,
        `manifest ${canonicalName(parseReference(Ref))} must have an OS and Architecture to be pushed to a registry`,
      )
}
