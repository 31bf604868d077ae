// `manifest` beside docker's, on one registry: the same words, the same local store, the same bytes pushed. And `buildx
// imagetools`, whose results skopeo reads.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type CommandResult, launcher, run } from '../harness/command.ts'
import { TestRegistry } from '../harness/registry.ts'
import { suiteRoot } from '../harness/suite-root.ts'

const folder = mkdtempSync(join(suiteRoot(), 'manifest'))
const homes = { docker: join(folder, 'docker'), tare: join(folder, 'tare') }
let registry: TestRegistry

before(async () => {
  for (const home of Object.values(homes)) mkdirSync(home)
  registry = await TestRegistry.start()
  await putImage('amd', 'amd64')
  await putImage('arm', 'arm64')
  await putImage('oci', 'arm64', true)
})
after(async () => {
  await registry[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const sha256 = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

const putBlob = async (name: string, bytes: Buffer): Promise<{ digest: string; size: number }> => {
  const begun = await fetch(`${registry.url}/v2/${name}/blobs/uploads/`, { method: 'POST' })
  const location = new URL(begun.headers.get('location') ?? '', registry.url)
  location.searchParams.set('digest', sha256(bytes))
  const done = await fetch(location, { method: 'PUT', body: new Uint8Array(bytes) })
  assert.equal(done.status, 201)
  return { digest: sha256(bytes), size: bytes.length }
}

/** `NAME:1` with one layer. */
const putImage = async (name: string, architecture: string, isOci = false): Promise<void> => {
  const layer = await putBlob(name, Buffer.from(`layer of ${name}`))
  const rootfs = { type: 'layers', diff_ids: [layer.digest] }
  const config = await putBlob(name, Buffer.from(JSON.stringify({ architecture, os: 'linux', config: {}, rootfs })))
  const types = isOci
    ? ['manifest.v1', 'config.v1', 'layer.v1.tar'].map(type => `application/vnd.oci.image.${type}`)
    : ['distribution.manifest.v2', 'container.image.v1', 'image.rootfs.diff.tar'].map(
        type => `application/vnd.docker.${type}`,
      )
  const [manifestType, configType, layerType] = [`${types[0]}+json`, `${types[1]}+json`, types[2]]
  const manifest = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: { mediaType: configType, ...config },
    layers: [{ mediaType: layerType, ...layer }],
  }
  const put = await fetch(`${registry.url}/v2/${name}/manifests/1`, {
    method: 'PUT',
    headers: { 'Content-Type': manifestType },
    body: JSON.stringify(manifest, undefined, isOci ? 2 : 3),
  })
  assert.equal(put.status, 201, await put.text())
}

const call = async (program: 'docker' | 'tare', args: readonly string[]): Promise<CommandResult> => {
  const result = await run([program === 'docker' ? 'docker' : launcher, ...args], {
    env: { DOCKER_CONFIG: homes[program] },
  })
  const plain = (text: string): string => text.replace(/\btare\b/g, 'docker')
  return { ...result, stdout: plain(result.stdout), stderr: plain(result.stderr) }
}

const store = (home: string): Record<string, string> => {
  const root = join(home, 'manifests')
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  return Object.fromEntries(files.map(({ name, parentPath }) => [name, readFileSync(join(parentPath, name), 'utf8')]))
}

test('manifest says, keeps and pushes what docker says, keeps and pushes', async () => {
  const at = (name: string): string => `${registry.host}/${name}`
  const steps: readonly (readonly string[])[] = [
    ['inspect', '--insecure', at('amd:1')],
    ['inspect', '--insecure', '-v', at('amd:1')],
    ['inspect', '--insecure', '-v', at('oci:1')],
    ['inspect', '--insecure', at('nothing:1')],
    ['create', '--insecure', at('all:1'), at('amd:1'), at('arm:1')],
    ['create', '--insecure', at('all:1'), at('amd:1')],
    ['create', '--insecure', '--amend', at('all:1'), at('arm:1')],
    ['create', '--insecure', at('none:1'), at('nothing:1')],
    ['inspect', at('all:1')],
    ['inspect', '-v', at('all:1')],
    ['inspect', at('all:1'), at('arm:1')],
    ['annotate', at('all:1'), at('arm:1'), '--variant', 'v8', '--os-features', 'a,b', '--os-version', '3'],
    ['annotate', at('all:1'), at('arm:1'), '--arch', 'pdp11'],
    ['annotate', at('all:1'), at('arm:2'), '--arch', 'arm'],
    ['inspect', at('all:1')],
    ['push', '--insecure', at('all:1')],
    ['push', '--insecure', '--purge', at('all:1')],
    ['push', '--insecure', at('all:1')],
    ['inspect', '--insecure', at('all:1')],
    ['inspect', '--insecure', '-v', at('all:1')],
    ['create', '--insecure', at('more:1'), at('all:1')],
    ['create', '--insecure', at('mixed:1'), at('oci:1'), at('amd:1')],
    ['inspect', at('mixed:1')],
    ['create', '--insecure', 'elsewhere:1', at('amd:1')],
    ['push', 'elsewhere:1'],
    ['inspect', 'elsewhere:1'],
    ['rm', 'elsewhere:1', 'elsewhere:2'],
  ]
  for (const step of steps) {
    const expected = await call('docker', ['manifest', ...step])
    assert.deepEqual(await call('tare', ['manifest', ...step]), expected, step.join(' '))
  }
  assert.deepEqual(store(homes.tare), store(homes.docker))
})

test('imagetools makes an index of images of other repositories, and shows it', async () => {
  const [amd, arm, all] = ['amd:1', 'arm:1', 'tools:1'].map(name => `${registry.host}/${name}`) as [
    string,
    string,
    string,
  ]
  const dry = await call('tare', ['buildx', 'imagetools', 'create', '--dry-run', amd, arm])
  const made = await call('tare', [
    'buildx',
    'imagetools',
    'create',
    '-t',
    all,
    '-t',
    `${registry.host}/tools:2`,
    amd,
    arm,
  ])
  assert.equal(made.code, 0, made.stderr)
  assert.match(
    made.stderr,
    /^#1 \[internal\] pushing .*tools:1\n#1 \d\.\d{3} copying sha256:[0-9a-f]{64} from .*amd:1 to .*tools:1\n/,
  )
  const raw = await run(['skopeo', 'inspect', '--raw', '--tls-verify=false', `docker://${all}`])
  assert.equal(`${raw.stdout.trimEnd()}\n`, dry.stdout)
  // With all its blobs: skopeo can take it away whole.
  const copied = await run([
    'skopeo',
    'copy',
    '--all',
    '--src-tls-verify=false',
    `docker://${all}`,
    `dir:${join(folder, 'copy')}`,
  ])
  assert.equal(copied.code, 0, copied.stderr)
  const shown = await call('tare', ['buildx', 'imagetools', 'inspect', all])
  assert.match(shown.stdout, /^Name: {6}.*tools:1\nMediaType: application\/vnd\.docker\.distribution\.manifest\.list/)
  assert.match(shown.stdout, / {2}Platform: {2}linux\/arm64\n$/)
  const format = '{{range .Manifest.Manifests}}{{.Platform.Architecture}} {{end}}{{(index .Image "linux/arm64").OS}}'
  const formatted = await call('tare', ['buildx', 'imagetools', 'inspect', '--format', format, all])
  assert.equal(formatted.stdout, 'amd64 arm64 linux')
  const missing = await call('tare', ['buildx', 'imagetools', 'inspect', `${registry.host}/nothing:1`])
  assert.deepEqual([missing.code, missing.stderr], [1, `ERROR: ${registry.host}/nothing:1: not found\n`])
})
