import { canonicalName, parseReference, type Reference, repositoryName } from '../../oci/reference.ts'
import { type Command, type Context, exactly } from '../command.ts'
import { Failure } from '../failure.ts'
import { copyBlobs, type Place } from '../manifests/copy-blob.ts'
import { bytesOf, type ImageManifest, normalized } from '../manifests/image-manifest.ts'
import { manifestList, requirePlatforms } from '../manifests/manifest-list.ts'
import { ManifestStore } from '../manifests/manifest-store.ts'
import { openRegistries } from '../manifests/open-registries.ts'

export const command: Command = {
  usage: '[OPTIONS] MANIFEST_LIST',
  flags: `
      --insecure   Allow push to an insecure registry
  -p, --purge      Remove the local manifest list after push
`,
  args: exactly(1),
  action: async (context, flags, [name = '']) => {
    const target = normalized(name)
    const store = new ManifestStore(context.config)
    const manifests = await store.list(target)
    if (manifests.length === 0) throw new Failure(1, `${canonicalName(target)} not found`)
    requirePlatforms(manifests)
    const { bytes, mediaType } = manifestList(manifests, target)
    await using registries = await openRegistries(context, flags.bool('insecure') ? [target.domain] : [])
    const place = async (reference: Reference): Promise<Place> => ({
      reference,
      repository: await registries.open(reference),
    })
    const to = await place(target)
    for (const manifest of manifests) {
      const source = parseReference(manifest.Ref)
      if (source.path !== target.path) await copyManifest(context, manifest, await place(source), to)
    }
    context.stdout.line(await to.repository.putManifest(target.tag ?? (target.digest as string), bytes, mediaType))
    if (flags.bool('purge')) await store.remove(target)
    return 0
  },
}

const copyManifest = async ({ stdout }: Context, manifest: ImageManifest, from: Place, to: Place): Promise<void> => {
  const content = manifest.SchemaV2Manifest ?? manifest.OCIManifest
  if (content === undefined) throw new Failure(1, `${manifest.Ref} has no payload`)
  await copyBlobs(content, from, to)
  const { digest, mediaType } = manifest.Descriptor
  const pushed = await to.repository.putManifest(digest, bytesOf(manifest), mediaType)
  stdout.line(`Pushed ref ${repositoryName(to.reference)}@${digest} with digest: ${pushed}`)
}
