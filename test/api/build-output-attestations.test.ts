// Provenance: beside the image in its index, in a registry and in an archive; nothing of it without being asked for.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Index, Manifest } from '../../src/oci/descriptor.ts'
import { BuildContext } from '../harness/build-cli.ts'
import { run } from '../harness/command.ts'
import { TestDaemon } from '../harness/daemon.ts'
import { TestRegistry } from '../harness/registry.ts'

let daemon: TestDaemon
let registry: TestRegistry
before(async () => {
  ;[daemon, registry] = await Promise.all([TestDaemon.start(), TestRegistry.start()])
})
after(async () => {
  await daemon[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

const FILES = { Dockerfile: 'FROM scratch\nCOPY file /\nARG KEY\n', file: 'content\n' }
const get = async <Body>(path: string): Promise<Body> => {
  const accept = 'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json'
  const answer = await fetch(`${registry.url}/v2/${path}`, { headers: { accept } })
  assert.equal(answer.status, 200, path)
  return (await answer.json()) as Body
}

test('provenance goes with the push, also from a daemon that was restarted', async () => {
  using context = new BuildContext(FILES)
  const name = `${registry.host}/attested/app:1`
  await context.build(daemon, ['-t', name, '--provenance', 'mode=min', '--build-arg', 'KEY=confidential'])
  await daemon.kill9()
  await daemon.start()
  const pushed = await daemon.tare(['push', name])
  assert.equal(pushed.code, 0, pushed.stderr)
  const { manifests } = await get<Index>('attested/app/manifests/1')
  assert.deepEqual(
    manifests.map(({ platform }) => platform?.os),
    ['linux', 'unknown'],
  )
  const [image, attestation] = manifests
  assert.equal(attestation?.annotations?.['vnd.docker.reference.digest'], image?.digest)
  const { layers } = await get<Manifest>(`attested/app/manifests/${attestation?.digest}`)
  assert.equal(layers[0]?.annotations?.['in-toto.io/predicate-type'], 'https://slsa.dev/provenance/v1')
  const statement = await get<{ subject: { digest: { sha256: string } }[]; predicate: object }>(
    `attested/app/blobs/${layers[0]?.digest}`,
  )
  assert.equal(`sha256:${statement.subject[0]?.digest.sha256}`, image?.digest)
  assert.doesNotMatch(JSON.stringify(statement), /confidential/)
  const pulled = await run(['skopeo', 'inspect', '--tls-verify=false', `docker://${name}`])
  assert.equal(pulled.code, 0, pulled.stderr)
})

test('an archive has it; without being asked for there is none', async () => {
  using context = new BuildContext(FILES)
  const indexOf = async (path: string): Promise<Index> => {
    const top = await run(['tar', '-xOf', path, 'index.json'])
    const digest = (JSON.parse(top.stdout) as Index).manifests[0]?.digest.slice('sha256:'.length)
    return JSON.parse((await run(['tar', '-xOf', path, `blobs/sha256/${digest}`])).stdout) as Index
  }
  const [attested, plain] = [context.path('a.tar'), context.path('b.tar')]
  await context.build(daemon, ['-o', `type=oci,dest=${attested}`, '--attest', 'type=provenance'])
  const { manifests } = await indexOf(attested)
  assert.equal(manifests.length, 2)
  for (const { digest } of manifests) {
    const { code } = await run(['tar', '-tf', attested, `blobs/sha256/${digest.slice('sha256:'.length)}`])
    assert.equal(code, 0)
  }
  await context.build(daemon, ['-o', `type=oci,dest=${plain}`, '--provenance=false'])
  assert.equal((await indexOf(plain)).manifests, undefined)
})

test('what cannot be attested is refused', async () => {
  using context = new BuildContext(FILES)
  for (const [flags, reason] of [
    [['--sbom=true'], /makes no SBOM yet/],
    [['--provenance', 'mode=max'], /mode "max" is not supported yet/],
    [['--provenance=true', '-o', context.path('out')], /carry no attestations yet/],
  ] as const) {
    const { code, stderr } = await context.try(daemon, flags)
    assert.equal(code, 1)
    assert.match(stderr, reason)
  }
})
