import { invalidArgument, messageOf } from '../errdefs.ts'
import { type Descriptor, mediaTypes } from '../oci/descriptor.ts'
import { digestOf, isDigest } from '../oci/digest.ts'
import { fieldsOf, parseJson, textOf } from './json-body.ts'
import { RegistryError } from './registry-error.ts'

export const MANIFEST_LIMIT = 4 * 1024 * 1024

/** What is asked for when the caller does not say. Artifacts come as whatever they are. */
export const MANIFEST_TYPES: readonly string[] = [
  mediaTypes.index,
  mediaTypes.dockerManifestList,
  mediaTypes.manifest,
  mediaTypes.dockerManifest,
  '*/*;q=0.1',
]

const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/
/** Types that say nothing of what it is. */
const VAGUE = new Set([
  '',
  'application/json',
  'application/octet-stream',
  'text/plain',
  'text/html',
  'binary/octet-stream',
])

/** A content type without its parameters. */
export const bareType = (header: string | undefined): string => (header ?? '').split(';')[0]?.trim().toLowerCase() ?? ''

export const refuseSchema1 = (name: string): Error =>
  invalidArgument(
    `Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed. Suggest the author of ${name} to upgrade the image to the OCI Format or Docker Image manifest v2, schema 2. More information at https://docs.docker.com/go/deprecated-image-specs/`,
  )

export const isSchema1 = (type: string): boolean => SCHEMA_1.test(type)

const typeOf = (declared: string, fields: Readonly<Record<string, unknown>>): string => {
  const own = textOf(fields.mediaType)
  if (own !== '' && !VAGUE.has(declared) && declared !== own.toLowerCase()) {
    throw new RegistryError(`mediaType in manifest should be '${declared}' not '${own}'`)
  }
  const isIndex = fields.manifests !== undefined
  const isManifest = fields.config !== undefined || fields.layers !== undefined
  const type = own || (VAGUE.has(declared) ? (isIndex ? mediaTypes.index : mediaTypes.manifest) : declared)
  // One document that can be read in two ways would be two images. CVE-2021-41190
  if (isIndex && isManifest) {
    const wrong =
      type === mediaTypes.index || type === mediaTypes.dockerManifestList ? '"config" or "layers"' : '"manifests"'
    throw new RegistryError(`media-type: ${JSON.stringify(type)} should not have ${wrong}`)
  }
  return type
}

export type Answered = {
  readonly bytes: Buffer
  /** The headers Content-Type and Docker-Content-Digest. */
  readonly type: string | undefined
  readonly digest: string | undefined
}

/**
 * Checks what a registry gave for `asked`, a tag or a digest. `name` is how the errors call it. RegistryError where it is not
 * what it says, InvalidArgument for schema 1.
 */
export const readManifest = (asked: string, name: string, answer: Answered): Descriptor => {
  const { bytes } = answer
  const digest = digestOf(bytes)
  const promised = isDigest(asked) ? asked : answer.digest
  const declared = bareType(answer.type)
  let fields: Readonly<Record<string, unknown>>
  try {
    fields = fieldsOf(parseJson(bytes.toString()))
  } catch (error) {
    throw new RegistryError(`error unmarshalling content: ${messageOf(error)}`, { cause: error })
  }
  if (isSchema1(declared) || fields.schemaVersion === 1 || fields.fsLayers !== undefined) throw refuseSchema1(name)
  if (promised !== undefined && isDigest(promised) && promised !== digest) {
    throw new RegistryError(`manifest verification failed for digest ${promised}`)
  }
  return { mediaType: typeOf(declared, fields), digest, size: bytes.length }
}
