import { messageOf } from '../../errdefs.ts'
import type { Reference } from '../../oci/reference.ts'
import { between, type Command } from '../command.ts'
import { Failure } from '../failure.ts'
import type { Flags } from '../flags/flags.ts'
import { indentJson } from '../format/indent-json.ts'
import { bytesOf, type ImageManifest, normalized } from '../manifests/image-manifest.ts'
import { manifestList } from '../manifests/manifest-list.ts'
import { ManifestStore, notFound } from '../manifests/manifest-store.ts'
import { toJson } from '../template/value.ts'

export const command: Command = {
  usage: '[OPTIONS] [MANIFEST_LIST] MANIFEST',
  flags: `
      --insecure   Allow communication with an insecure registry
  -v, --verbose    Output additional info including layers and platform
`,
  args: between(1, 2),
  action: async (context, flags, names) => {
    const reference = normalized(names.at(-1) as string)
    const store = new ManifestStore(context.config)
    if (names.length === 2) {
      const manifest = await store.get(normalized(names[0] as string), reference)
      if (manifest === undefined) throw notFound(reference)
      context.stdout.line(describeOne(manifest, flags))
      return 0
    }
    const local = await store.find(reference)
    if (local !== undefined) {
      context.stdout.line(describeList(local, reference, flags))
      return 0
    }
    const { remoteManifests } = await import('../manifests/remote-manifest.ts')
    const { single, manifests } = await remoteManifests(context, reference, flags.bool('insecure'))
    context.stdout.line(
      single ? describeOne(manifests[0] as ImageManifest, flags) : describeList(manifests, reference, flags),
    )
    return 0
  },
}

const describeOne = (manifest: ImageManifest, flags: Flags): string =>
  flags.bool('verbose') ? verbose(manifest) : indentJson(bytesOf(manifest).toString(), '\t')

const describeList = (manifests: readonly ImageManifest[], reference: Reference, flags: Flags): string => {
  if (flags.bool('verbose')) return verbose(manifests)
  try {
    return manifestList(manifests, reference).bytes.toString()
  } catch (error) {
    throw new Failure(1, `failed to assemble ManifestDescriptor: ${messageOf(error)}`, { cause: error })
  }
}

const verbose = (value: object): string => indentJson(toJson(value, true), '\t')
