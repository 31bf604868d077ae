import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ImageManifestSummary, ImageSummary } from '../../api/image.ts'
import { mediaTypes } from '../../oci/descriptor.ts'
import { imageTree } from './image-tree.ts'

const DESCRIPTOR = { mediaType: mediaTypes.manifest, digest: `sha256:${'d'.repeat(64)}`, size: 1 } as const
const branch = (architecture: string, available: boolean, containers: string[] = []): ImageManifestSummary => ({
  ID: `sha256:${architecture.padEnd(64, '0')}`,
  Descriptor: DESCRIPTOR,
  Available: available,
  Kind: 'image',
  Size: available ? { Content: 1_000_000, Total: 3_000_000 } : { Content: 0, Total: 0 },
  ImageData: { Platform: { os: 'linux', architecture }, Containers: containers, Size: { Unpacked: 1 } },
})
const image = (fields: Partial<ImageSummary>): ImageSummary => ({
  Id: `sha256:${'a'.repeat(64)}`,
  ParentId: '',
  RepoTags: ['debian:latest'],
  RepoDigests: [],
  Created: 10,
  Size: 2_000_000,
  SharedSize: -1,
  Containers: -1,
  Labels: null,
  ...fields,
})
const lines = (images: ImageSummary[], columns = 80): string[] =>
  imageTree(images, columns, false)
    .split('\n')
    .map(line => line.trimEnd())

test('platforms stand below the names that have them, the newest image first', () => {
  const attestation: ImageManifestSummary = {
    ID: 'x',
    Descriptor: DESCRIPTOR,
    Available: true,
    Kind: 'attestation',
    Size: { Content: 500_000, Total: 500_000 },
  }
  const shown = lines([
    image({ RepoTags: ['old:1', 'longer/name:1'], Created: 1, Containers: 2 }),
    image({ Created: 2, Manifests: [branch('amd64', true, ['c']), branch('arm64', false), attestation] }),
  ])
  assert.deepEqual(shown.slice(2), [
    '',
    'IMAGE            ID             DISK USAGE   CONTENT SIZE   EXTRA',
    'debian:latest    aaaaaaaaaaaa        3.5MB          1.5MB   U',
    '├─ linux/amd64   amd640000000          3MB            1MB   U',
    '└─ linux/arm64   arm640000000           0B             0B',
    '',
    'longer/name:1',
    'old:1            aaaaaaaaaaaa          2MB             0B   U',
    '',
    '',
  ])
  assert.equal(shown[1]?.trim(), 'Info ->  U In Use')
})

test('a narrow terminal loses columns at the right, then the ends of names', () => {
  const [, , , header, row] = lines([image({ RepoTags: ['a/very/long/name/indeed:latest'] })], 40)
  assert.equal(header, 'IMAGE          ID             DISK USAGE')
  assert.equal(row, 'a/very/long…   aaaaaaaaaaaa          2MB')
  assert.equal(lines([image({})], 20)[3], 'IMAGE')
})

test('images without a name are shown as such', () => {
  assert.match(lines([image({ RepoTags: [] })]).join('\n'), /^<untagged> +aaaaaaaaaaaa/m)
})

test('pinned images are marked, and the mark explained', () => {
  const shown = lines([
    image({ Pinned: true, Containers: 1 }),
    image({ RepoTags: ['b:1'], Id: `sha256:${'b'.repeat(64)}` }),
  ])
  assert.equal(shown[1]?.trim(), 'Info ->  U In Use | P Pinned')
  assert.match(shown[4] ?? '', / UP$/)
})

test('colours only for terminals', () => {
  assert.doesNotMatch(imageTree([image({ Containers: 1 })], 80, false), /\x1b/)
  assert.match(imageTree([image({ Containers: 1 })], 80, true), /\x1b\[48;5;14m U \x1b\[0m/)
})
