import { isKind } from '../../errdefs.ts'
import { type Descriptor, type Index, type Manifest, mediaTypes } from '../../oci/descriptor.ts'
import { formatPlatform } from '../../oci/platform.ts'
import { canonicalName, parseReference, type Reference, withDefaultTag } from '../../oci/reference.ts'
import type { Repository } from '../../registry/repository.ts'
import { type Command, exactly } from '../command.ts'
import { describe, Failure } from '../failure.ts'
import { align } from '../format/align.ts'
import { FREE, goView, viewJson } from '../manifests/go-view.ts'
import { imageFacts } from '../manifests/image-facts.ts'
import { fetchJson, isIndexType } from '../manifests/image-manifest.ts'
import { openRegistries } from '../manifests/open-registries.ts'
import { compile } from '../template/execute.ts'

export const command: Command = {
  usage: '[OPTIONS] NAME',
  flags: `
      --format string   Format the output using the given Go template
      --raw             Show original, unformatted JSON manifest
`,
  args: exactly(1),
  action: async (context, flags, [name = '']) => {
    const { stdout } = context
    const format = flags.string('format')
    if (format !== '' && flags.bool('raw')) throw new Failure(1, 'ERROR: format and raw cannot be used together')
    try {
      const reference = withDefaultTag(parseReference(name))
      await using registries = await openRegistries(context, [])
      const repository = await registries.open(reference)
      const { descriptor, bytes } = await repository.manifest(reference.digest ?? (reference.tag as string))
      if (flags.bool('raw')) stdout.write(bytes)
      else if (format === '') stdout.write(summary(reference, descriptor, bytes))
      else {
        const template = compile(format, { functions: { json: viewJson }, missingKey: 'error' })
        stdout.write(template(await facts(repository, reference, descriptor, bytes, format)))
      }
      return 0
    } catch (error) {
      if (error instanceof Failure) throw error
      const why = isKind(error, 'NotFound')
        ? `${canonicalName(withDefaultTag(parseReference(name)))}: not found`
        : describe(error)
      throw new Failure(1, `ERROR: ${why}`, { cause: error })
    }
  },
}

const summary = (reference: Reference, { mediaType, digest }: Descriptor, bytes: Buffer): string => {
  const own = `Name:\t${canonicalName(reference)}\nMediaType:\t${mediaType}\nDigest:\t${digest}\n`
  const columns = { minWidth: 0, padding: 1 }
  if (!isIndexType(mediaType)) return align(own, columns)
  const entries = (JSON.parse(bytes.toString()) as Index).manifests.map(manifest => {
    const lines = [
      `  Name:\t${canonicalName({ ...reference, digest: manifest.digest })}`,
      `  MediaType:\t${manifest.mediaType}`,
      ...(manifest.platform ? [`  Platform:\t${formatPlatform(manifest.platform)}`] : []),
      ...(manifest.platform?.['os.version'] ? [`  OSVersion:\t${manifest.platform['os.version']}`] : []),
      ...annotationLines(manifest),
    ]
    return lines.map(line => `${line}\n`).join('')
  })
  return align(`${own}\t\nManifests:\t\n`, columns) + align(entries.join('  \t\n'), columns)
}

const annotationLines = ({ annotations }: Descriptor): string[] => {
  const pairs = Object.entries(annotations ?? {}).sort(([one], [other]) => (one < other ? -1 : 1))
  return pairs.length === 0 ? [] : ['  Annotations:\t', ...pairs.map(([key, value]) => `    ${key}:\t${value}`)]
}

/** `.Name`, `.Manifest` and `.Image`; the latter is asked for only where the template uses it. Of many platforms it is a map. */
const facts = async (
  repository: Repository,
  reference: Reference,
  { mediaType, digest, size }: Descriptor,
  bytes: Buffer,
  format: string,
) => {
  const name = canonicalName(reference)
  const document = JSON.parse(bytes.toString()) as Index & Manifest
  const isIndex = isIndexType(mediaType)
  const manifest = isIndex
    ? { schemaVersion: 2, mediaType, digest, size, manifests: document.manifests }
    : { mediaType, digest, size }
  const wantsImage = /\.Image\b|json \.\s*\}|\{\{\s*\.\s*\}\}|\$/.test(format)
  const image = !wantsImage
    ? undefined
    : isIndex
      ? await images(repository, document)
      : await config(repository, document)
  const all = { name, manifest, ...(image === undefined ? {} : { image }) }
  return goView(all, isIndex ? new Set([...FREE, 'image']) : FREE)
}

const config = async (repository: Repository, manifest: Manifest): Promise<unknown> => {
  const document = await fetchJson(repository, manifest.config)
  const isImage = [mediaTypes.config, mediaTypes.dockerConfig].includes(manifest.config.mediaType as never)
  return isImage ? imageFacts(document as Record<string, unknown>) : document
}

const images = async (repository: Repository, { manifests }: Index): Promise<Record<string, unknown>> => {
  const found: Record<string, unknown> = {}
  for (const { digest, platform, mediaType } of manifests) {
    const isImage = mediaType === mediaTypes.manifest || mediaType === mediaTypes.dockerManifest
    if (!isImage || platform === undefined || platform.os === 'unknown') continue
    const { bytes } = await repository.manifest(digest)
    found[formatPlatform(platform)] = await config(repository, JSON.parse(bytes.toString()) as Manifest)
  }
  return found
}
