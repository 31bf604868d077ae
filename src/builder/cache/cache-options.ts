import type { BuildOptions, CacheOption } from '../../api/build-options.ts'
import { invalidArgument, notImplemented } from '../../errdefs.ts'
import { parseReference, type Reference, withDefaultTag } from '../../oci/reference.ts'

export type CacheTarget = {
  readonly type: 'local' | 'registry' | 'inline'
  /** Where the client wants it: outputs of caches come behind those of exporters. */
  readonly index: number
  readonly reference: Reference | undefined
  /** Of all steps; else only of those whose layers the result has. */
  readonly all: boolean
  readonly ignoreError: boolean
  /** The directories of cache mounts go along. */
  readonly mounts: boolean
}

export type CacheOrigin =
  /** A context of the client's. */
  { readonly type: 'local'; readonly context: string } | { readonly type: 'registry'; readonly reference: Reference }

const TO: Readonly<Record<string, readonly string[]>> = {
  local: ['mode', 'oci-mediatypes', 'image-manifest', 'ignore-error', 'compression', 'mounts'],
  registry: ['ref', 'mode', 'oci-mediatypes', 'image-manifest', 'ignore-error', 'compression', 'mounts'],
  inline: [],
}
const FROM: Readonly<Record<string, readonly string[]>> = { local: [], registry: ['ref'] }

/** The name of the client's context that `cacheFrom[index]` is. */
export const cacheContext = (index: number): string => `cache-from ${index}`

/** Where the build's cache is to go. InvalidArgument, or NotImplemented by name. */
export const cacheTargets = ({ cacheTo, exports }: BuildOptions): CacheTarget[] =>
  cacheTo.map((option, at) => {
    const { type, attributes } = option
    check(option, TO, 'exporter')
    const { mode = 'min', compression = 'gzip' } = attributes
    if (mode !== 'min' && mode !== 'max') throw invalidArgument(`unsupported cache mode ${JSON.stringify(mode)}`)
    if (compression !== 'gzip')
      throw notImplemented(`the ${type} cache exporter does not support compression ${JSON.stringify(compression)}`)
    return {
      type: type as CacheTarget['type'],
      index: exports.length + at,
      reference: type === 'registry' ? referenceOf(option) : undefined,
      all: mode === 'max',
      ignoreError: attributes['ignore-error'] === 'true',
      mounts: attributes.mounts === 'true',
    }
  })

/** Whence steps may be taken over. InvalidArgument, or NotImplemented by name. */
export const cacheOrigins = ({ cacheFrom }: BuildOptions): CacheOrigin[] =>
  cacheFrom.map((option, at) => {
    check(option, FROM, 'importer')
    return option.type === 'local'
      ? { type: 'local', context: cacheContext(at) }
      : { type: 'registry', reference: referenceOf(option) }
  })

const check = (
  { type, attributes }: CacheOption,
  known: Readonly<Record<string, readonly string[]>>,
  what: string,
): void => {
  const names = known[type]
  if (!names) throw notImplemented(`unknown cache ${what}: ${JSON.stringify(type)}`)
  for (const name of Object.keys(attributes)) {
    if (!names.includes(name))
      throw notImplemented(`the ${type} cache ${what} does not support ${JSON.stringify(name)}`)
  }
}

const referenceOf = ({ type, attributes: { ref = '' } }: CacheOption): Reference => {
  if (ref === '') throw invalidArgument(`ref is required for ${type} cache`)
  return withDefaultTag(parseReference(ref))
}
