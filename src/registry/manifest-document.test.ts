import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mediaTypes } from '../oci/descriptor.ts'
import { digestOf } from '../oci/digest.ts'
import { readManifest } from './manifest-document.ts'

const config = { mediaType: mediaTypes.config, digest: digestOf('x'), size: 1 }
const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [] }
const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] }
const read = (
  document: unknown,
  { asked = '1', type, digest }: { asked?: string; type?: string; digest?: string } = {},
) => {
  const bytes = Buffer.from(typeof document === 'string' ? document : JSON.stringify(document))
  return readManifest(asked, 'docker.io/library/x:1', { bytes, type, digest })
}
const bare = ({ mediaType: _, ...rest }: typeof manifest | typeof index) => rest

test('the type is the header’s and the document’s, which have to agree', () => {
  assert.equal(read(manifest, { type: mediaTypes.manifest }).mediaType, mediaTypes.manifest)
  assert.equal(
    read(bare(manifest), { type: `${mediaTypes.dockerManifest}; charset=utf-8` }).mediaType,
    mediaTypes.dockerManifest,
  )
  assert.equal(read(bare(manifest), { type: 'text/plain' }).mediaType, mediaTypes.manifest)
  assert.equal(read(bare(index)).mediaType, mediaTypes.index)
  assert.throws(
    () => read(index, { type: mediaTypes.manifest }),
    /mediaType in manifest should be 'application\/vnd.oci.image.manifest.v1\+json' not 'application\/vnd.oci.image.index/,
  )
})

test('a document that is both an image and an index is neither', () => {
  assert.throws(() => read({ ...manifest, manifests: [] }), /should not have "manifests"/)
  assert.throws(() => read({ ...index, layers: [] }), /should not have "config" or "layers"/)
})

test('the digest that was asked for, or that the registry promised', () => {
  const digest = digestOf(JSON.stringify(manifest))
  const size = JSON.stringify(manifest).length
  assert.deepEqual(read(manifest, { asked: digest }), { mediaType: mediaTypes.manifest, digest, size })
  const other = digestOf('another')
  const words = { message: `manifest verification failed for digest ${other}` }
  assert.throws(() => read(manifest, { asked: other }), words)
  assert.throws(() => read(manifest, { digest: other }), words)
})

test('a page is no manifest', () => {
  assert.throws(() => read('<html>', { type: 'text/html' }), {
    message: "error unmarshalling content: invalid character '<' looking for beginning of value",
  })
  assert.throws(() => read(''), { message: 'error unmarshalling content: unexpected end of JSON input' })
})

test('schema 1 is refused as Docker refuses it', () => {
  const words = {
    kind: 'InvalidArgument',
    message:
      'Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed. Suggest the author of docker.io/library/x:1 to upgrade the image to the OCI Format or Docker Image manifest v2, schema 2. More information at https://docs.docker.com/go/deprecated-image-specs/',
  }
  assert.throws(() => read({ schemaVersion: 1, fsLayers: [], history: [] }), words)
  assert.throws(() => read({}, { type: 'application/vnd.docker.distribution.manifest.v1+prettyjws' }), words)
})
