import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Descriptor, mediaTypes } from '../../oci/descriptor.ts'
import { digestOf } from '../../oci/digest.ts'
import { ConfigFile } from '../config-file.ts'
import { compile } from '../template/execute.ts'
import { combine, type Source } from './combine.ts'
import { FREE, goView, viewJson } from './go-view.ts'
import { imageFacts } from './image-facts.ts'
import { bytesOf, type ImageManifest, normalized } from './image-manifest.ts'
import { annotated, manifestList, requirePlatforms } from './manifest-list.ts'
import { ManifestStore } from './manifest-store.ts'

const manifestOf = (
  name: string,
  architecture: string,
  mediaType: string = mediaTypes.dockerManifest,
): ImageManifest => {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, name, layers: [] }, undefined, 3))
  return {
    Ref: name,
    Descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length, platform: { architecture, os: 'linux' } },
    Raw: bytes.toString('base64'),
  }
}
const none = { os: '', architecture: '', variant: '', version: '', features: [] }
const target = normalized('r.example/all:1')

let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'tare-manifests-'))
})
after(() => rmSync(folder, { recursive: true }))

test('the store lies where Docker’s lies, under the same names', async () => {
  const store = new ManifestStore(new ConfigFile(folder))
  assert.equal(await store.find(target), undefined)
  await assert.rejects(store.list(target), { message: 'No such manifest: r.example/all:1' })
  const one = manifestOf('r.example/a:1', 'amd64')
  await store.save(target, normalized('r.example/a:1'), one)
  await store.save(target, normalized('debian'), manifestOf('docker.io/library/debian:latest', 'arm64'))
  assert.deepEqual(readdirSync(join(folder, 'manifests', 'r.example_all-1')), [
    'docker.io_library_debian-latest',
    'r.example_a-1',
  ])
  assert.deepEqual(JSON.parse(readFileSync(join(folder, 'manifests/r.example_all-1/r.example_a-1'), 'utf8')), one)
  assert.deepEqual(await store.get(target, normalized('r.example/a:1')), one)
  assert.equal((await store.list(target)).length, 2)
  await store.remove(target)
  assert.equal(await store.find(target), undefined)
})

test('a list is written as Docker writes it; its type follows the first manifest', () => {
  const amd64 = manifestOf('r.example/a:1', 'amd64')
  const { mediaType, bytes } = manifestList([amd64], target)
  assert.equal(mediaType, mediaTypes.dockerManifestList)
  assert.equal(
    bytes.toString().split('\n').slice(0, 8).join('\n'),
    `{\n   "schemaVersion": 2,\n   "mediaType": "${mediaType}",\n   "manifests": [\n      {\n         "mediaType": "${mediaTypes.dockerManifest}",\n         "size": ${amd64.Descriptor.size},\n         "digest": "${amd64.Descriptor.digest}",`,
  )
  const oci = manifestOf('r.example/b:1', 'arm64', mediaTypes.manifest)
  assert.equal(manifestList([oci, amd64], target).mediaType, mediaTypes.index)
  assert.throws(() => manifestList([manifestOf('debian', 'amd64')], target), {
    message: 'cannot use source images from a different registry than the target image: docker.io != r.example',
  })
})

test('annotations go over what is there, and must name a machine that exists', () => {
  const manifest = manifestOf('r.example/a:1', 'arm')
  const changed = annotated(manifest, { ...none, architecture: 'arm64', variant: 'v8', features: ['x', 'x', 'y'] })
  assert.deepEqual(changed.Descriptor.platform, {
    architecture: 'arm64',
    os: 'linux',
    'os.features': ['x', 'y'],
    variant: 'v8',
  })
  assert.deepEqual(annotated(changed, { ...none, features: ['y', 'z'] }).Descriptor.platform?.['os.features'], [
    'x',
    'y',
    'z',
  ])
  assert.throws(() => annotated(manifest, { ...none, architecture: 'pdp11' }), {
    message: 'manifest entry for image has unsupported os/arch combination: /pdp11',
  })
  assert.throws(
    () => requirePlatforms([{ ...manifest, Descriptor: { ...manifest.Descriptor, platform: undefined } }]),
    {
      message: 'manifest r.example/a:1 must have an OS and Architecture to be pushed to a registry',
    },
  )
})

test('bytes that are not those of the digest are never pushed', () => {
  const manifest = manifestOf('r.example/a:1', 'amd64')
  assert.equal(digestOf(bytesOf(manifest)), manifest.Descriptor.digest)
  assert.throws(
    () => bytesOf({ ...manifest, Raw: Buffer.from('{}').toString('base64') }),
    /^Failure: internal digest mismatch/,
  )
})

const sourceOf = (mediaType: string, document: object, platform?: Descriptor['platform']): Source<string> => {
  const bytes = Buffer.from(JSON.stringify(document))
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length, platform }, bytes, origin: 'here' }
}
const single = (architecture: string, mediaType: string = mediaTypes.dockerManifest): Source<string> =>
  sourceOf(mediaType, { architecture }, { architecture, os: 'linux' })
const attestation = (digest: string): Descriptor => ({
  mediaType: mediaTypes.manifest,
  digest: `sha256:${'c'.repeat(64)}`,
  size: 3,
  annotations: { 'vnd.docker.reference.digest': digest, 'vnd.docker.reference.type': 'attestation-manifest' },
  platform: { architecture: 'unknown', os: 'unknown' },
})

test('many sources become one index, each manifest once', () => {
  const result = combine([single('amd64'), single('arm64'), single('amd64')])
  assert.equal(result.mediaType, mediaTypes.dockerManifestList)
  assert.deepEqual(
    result.parts.map(({ descriptor }) => descriptor.platform?.architecture),
    ['amd64', 'arm64'],
  )
  assert.equal(combine([single('amd64'), single('arm64', mediaTypes.manifest)]).mediaType, mediaTypes.index)
})

test('a single index is passed on byte for byte; a single manifest where no index is wanted', () => {
  const index = sourceOf(mediaTypes.index, { manifests: [single('amd64').descriptor] })
  assert.equal(combine([index]).bytes, index.bytes)
  const one = single('amd64')
  assert.equal(combine([one]).mediaType, mediaTypes.dockerManifestList)
  const copy = combine([one], { preferIndex: false })
  assert.deepEqual([copy.bytes, copy.mediaType, copy.parts], [one.bytes, mediaTypes.dockerManifest, []])
})

test('platforms are picked with what attests them', () => {
  const [amd64, arm64] = [
    single('amd64', mediaTypes.manifest).descriptor,
    single('arm64', mediaTypes.manifest).descriptor,
  ]
  const index = sourceOf(mediaTypes.index, { manifests: [amd64, arm64, attestation(arm64.digest)] })
  const { parts } = combine([index], { platforms: [{ os: 'linux', architecture: 'arm64', variant: 'v8' }] })
  assert.deepEqual(
    parts.map(({ descriptor }) => descriptor.digest),
    [arm64.digest, `sha256:${'c'.repeat(64)}`],
  )
  assert.throws(() => combine([index], { platforms: [{ os: 'linux', architecture: 's390x' }] }), /no manifests left/)
})

test('templates know Go’s names, JSON keeps its own', () => {
  const view = goView(
    {
      manifest: { mediaType: 'm', 'os.version': '1' },
      image: { 'linux/amd64': { os: 'linux', rootfs: { diff_ids: ['x'] } } },
    },
    new Set([...FREE, 'image']),
  )
  const render = (template: string): string => compile(template, { functions: { json: viewJson } })(view)
  assert.equal(render('{{.Manifest.MediaType}} {{.Manifest.OSVersion}}'), 'm 1')
  assert.equal(render('{{(index .Image "linux/amd64").RootFS.DiffIDs}}'), '[x]')
  assert.equal(render('{{json .Manifest}}'), '{\n  "mediaType": "m",\n  "os.version": "1"\n}')
})

test('of a configuration only what is set is shown', () => {
  const config = { Hostname: '', User: 'me', Env: null, Labels: {}, Cmd: ['x'], StdinOnce: true }
  assert.deepEqual(imageFacts({ os: 'linux', docker_version: '1', architecture: 'arm', config }), {
    architecture: 'arm',
    os: 'linux',
    config: { User: 'me', Cmd: ['x'] },
  })
})
