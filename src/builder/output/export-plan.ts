import type { BuildOptions, ExportOption } from '../../api/build-options.ts'
import { invalidArgument, notImplemented } from '../../errdefs.ts'
import { parseReference, type Reference, withDefaultTag } from '../../oci/reference.ts'

/** One exporter's work, as it was asked for. */
export type PlannedExport = {
  readonly kind: 'image' | 'archive' | 'files'
  /** In the order of the options: where the client wants the bytes. */
  readonly index: number
  readonly names: readonly Reference[]
  readonly push: boolean
  readonly rewriteTimes: boolean
  /** Layers of an archive are compressed. */
  readonly compressed: boolean
  /** A directory for each platform. */
  readonly split: boolean | undefined
}

/** What each exporter understands; booleans that can only be what they are have that value. */
const ATTRIBUTES: Readonly<Record<PlannedExport['kind'], readonly string[]>> = {
  image: ['name', 'push', 'rewrite-timestamp', 'store', 'unpack', 'oci-mediatypes', 'compression', 'force-compression'],
  archive: ['name', 'rewrite-timestamp', 'tar', 'oci-mediatypes', 'compression', 'force-compression'],
  files: ['platform-split', 'rewrite-timestamp'],
}

/** What a build is to give. Without exporters: an image. InvalidArgument, or NotImplemented by name, before anything is built. */
export const planExports = (options: BuildOptions): PlannedExport[] => {
  const tags = options.tags.map(parseTag)
  if (options.exports.length === 0) return [planned({ type: 'image', attributes: {}, toClient: false }, 0, tags)]
  return options.exports.flatMap((option, index) => (option.type === 'cacheonly' ? [] : [planned(option, index, tags)]))
}

const planned = (option: ExportOption, index: number, tags: readonly Reference[]): PlannedExport => {
  const { type, attributes } = option
  const kind = kindOf(option)
  for (const name of Object.keys(attributes)) {
    if (!ATTRIBUTES[kind].includes(name))
      throw notImplemented(`the ${type} exporter does not support ${JSON.stringify(name)}`)
  }
  if (boolean(attributes, 'oci-mediatypes') === false)
    throw notImplemented(`the ${type} exporter writes OCI media types only`)
  const given = (attributes.name ?? '').split(',').filter(name => name !== '')
  const names = tags.length > 0 ? tags : given.map(parseTag)
  const push = type === 'registry' || boolean(attributes, 'push') === true
  if (push && names.length === 0) throw invalidArgument('tag is needed when pushing to registry')
  return {
    kind,
    index,
    names: kind === 'files' ? [] : names,
    push,
    rewriteTimes: boolean(attributes, 'rewrite-timestamp') === true,
    compressed: isCompressed(type, attributes),
    split: boolean(attributes, 'platform-split'),
  }
}

const kindOf = ({ type, toClient }: ExportOption): PlannedExport['kind'] => {
  if (type === 'local' || type === 'tar') return 'files'
  return type === 'oci' || (type === 'docker' && toClient) ? 'archive' : 'image'
}

const isCompressed = (type: string, { compression = 'uncompressed' }: ExportOption['attributes']): boolean => {
  if (compression === 'gzip' || compression === 'uncompressed') return compression === 'gzip'
  throw notImplemented(`the ${type} exporter does not support compression ${JSON.stringify(compression)}`)
}

const boolean = (attributes: ExportOption['attributes'], name: string): boolean | undefined => {
  const text = attributes[name]
  if (text === undefined) return undefined
  if (/^(?:1|t|true|)$/i.test(text)) return true
  if (/^(?:0|f|false)$/i.test(text)) return false
  throw invalidArgument(`non-bool value specified for ${name}`)
}

/** InvalidArgument for what can be no tag. */
const parseTag = (tag: string): Reference => {
  const reference = withDefaultTag(parseReference(tag))
  if (reference.digest !== undefined) throw invalidArgument('build tag cannot contain a digest')
  return reference
}
