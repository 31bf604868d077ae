import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { PLAIN_BUILD } from '../../api/build-options.ts'
import { parseFlagTable } from '../flags/flag-table.ts'
import { parseFlags } from '../flags/parse-flags.ts'
import { BUILD_CHECKS, BUILD_FLAGS, checkBuildFlags } from './build-flags.ts'
import { csvFields } from './csv-fields.ts'
import type { BuildContext } from './open-context.ts'
import { type SessionRequest, sessionRequest } from './session-options.ts'

const folder = mkdtempSync(join(tmpdir(), 'options-'))
after(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'secret')
writeFileSync(file, 's')
delete process.env.SSH_AUTH_SOCK
delete process.env.DOCKER_DEFAULT_PLATFORM
delete process.env.SOURCE_DATE_EPOCH
process.env.OPTION_SECRET = 'from the environment'

const context: BuildContext = {
  local: { kind: 'directory', root: folder, rules: undefined },
  remote: undefined,
  dockerfile: { path: 'Dockerfile', inside: true, text: 'FROM scratch', shownName: 'Dockerfile' },
  ignoreText: '',
}
const requestOf = async (...argv: string[]): Promise<SessionRequest> => {
  const { flags } = parseFlags(argv, { table: parseFlagTable(BUILD_FLAGS), check: BUILD_CHECKS })
  checkBuildFlags(flags)
  return await sessionRequest(flags, context, { HTTP_PROXY: 'p' }, false)
}

test('nothing asked for is a plain build', async () => {
  const { options, contexts } = await requestOf()
  const dockerfile = { path: 'Dockerfile', text: 'FROM scratch' }
  assert.deepEqual(options, { ...PLAIN_BUILD, dockerfile, buildArgs: { HTTP_PROXY: 'p' } })
  assert.deepEqual([...contexts.keys()], [''])
})

test('each option travels', async () => {
  const { options } = await requestOf(
    ...[
      '-t',
      'a',
      '-t',
      'b:1',
      '--target',
      'x',
      '--build-arg',
      'A=1',
      '--build-arg',
      'OPTION_SECRET',
      '--build-arg',
      'UNSET',
    ],
    ...[
      '--label',
      'l=1',
      '--label',
      'bare',
      '--no-cache-filter',
      'one,two',
      '--pull',
      '--no-cache',
      '--squash',
      '--check',
    ],
    ...[
      '--platform',
      'linux/amd64,linux/arm64',
      '--platform',
      'linux/arm/v7',
      '--network',
      'none',
      '--add-host',
      'h=1.2.3.4',
    ],
    ...[
      '--shm-size',
      '64m',
      '--ulimit',
      'nofile=5:6',
      '--allow',
      'security.insecure',
      '--annotation',
      'k=v',
      '--debug',
    ],
    ...['-m', '1g', '--cpu-shares', '5', '--cache-from', 'user/app:c', '--cache-to', 'type=local,dest=/x,mode=max'],
    ...['--provenance', 'mode=max', '--sbom', 'true'],
  )
  assert.deepEqual(options, {
    ...PLAIN_BUILD,
    dockerfile: { path: 'Dockerfile', text: 'FROM scratch' },
    tags: ['a', 'b:1'],
    target: 'x',
    buildArgs: { HTTP_PROXY: 'p', A: '1', OPTION_SECRET: 'from the environment' },
    labels: { l: '1', bare: '' },
    noCacheFilter: ['one', 'two'],
    pull: true,
    noCache: true,
    squash: true,
    check: true,
    shellOnError: true,
    platforms: ['linux/amd64', 'linux/arm64', 'linux/arm/v7'],
    network: 'none',
    extraHosts: ['h:1.2.3.4'],
    shmSize: 64 * 1024 * 1024,
    ulimits: [{ Name: 'nofile', Soft: 5, Hard: 6 }],
    allow: ['security.insecure'],
    annotations: ['k=v'],
    resources: { ...PLAIN_BUILD.resources, memory: 1024 ** 3, cpuShares: 5 },
    cacheFrom: [{ type: 'registry', attributes: { ref: 'user/app:c' } }],
    cacheTo: [{ type: 'local', attributes: { mode: 'max' } }],
    attestations: [
      { type: 'provenance', attributes: { mode: 'max' } },
      { type: 'sbom', attributes: {} },
    ],
  })
})

test('secrets: of a file, of a variable, of what has its name; never their value', async () => {
  const { options, secrets } = await requestOf(
    ...['--secret', `id=a,src=${file}`, '--secret', 'id=b,env=OPTION_SECRET', '--secret', 'id=OPTION_SECRET'],
    ...['--secret', 'type=env,id=c,src=OPTION_SECRET'],
  )
  assert.deepEqual(options.secrets, ['a', 'b', 'OPTION_SECRET', 'c'])
  assert.ok(!JSON.stringify(options).includes('from the environment'))
  assert.deepEqual(
    [...secrets.values()],
    [
      { id: 'a', env: undefined, file },
      { id: 'b', env: 'OPTION_SECRET', file: '' },
      { id: 'OPTION_SECRET', env: 'OPTION_SECRET', file: '' },
      { id: 'c', env: 'OPTION_SECRET', file: '' },
    ],
  )
})

test('contexts by name: directories, images, URLs', async () => {
  const { options, contexts } = await requestOf(
    ...['--build-context', `dir=${folder}`, '--build-context', 'img=docker-image://alpine:3'],
    ...['--build-context', 'git=https://h/r.git#main'],
  )
  assert.deepEqual(options.namedContexts, {
    dir: { type: 'client' },
    img: { type: 'image', reference: 'alpine:3' },
    git: { type: 'url', url: 'https://h/r.git#main' },
  })
  assert.deepEqual([...contexts.keys()], ['dir', ''])
})

test('outputs and where they go', async () => {
  const outputs = async (...argv: string[]) => {
    const { options, destinations } = await requestOf(...argv)
    return options.exports.map(({ type, attributes, toClient }, i) => ({
      type,
      attributes,
      toClient,
      ...destinations[i],
    }))
  }
  const none = { attributes: {}, kind: 'none', toClient: false }
  assert.deepEqual(await outputs('-o', join(folder, 'out'), '-o', '-'), [
    { type: 'local', attributes: {}, toClient: true, kind: 'directory', path: join(folder, 'out') },
    { type: 'tar', attributes: {}, toClient: true, kind: 'stdout' },
  ])
  assert.deepEqual(await outputs('-t', 'x', '--push', '--load'), [
    { ...none, type: 'registry' },
    { ...none, type: 'docker' },
  ])
  assert.deepEqual(
    await outputs('-o', `type=oci,dest=${folder}/a.tar,compression=zstd`, '-o', 'type=image,name=a,push=true'),
    [
      { type: 'oci', attributes: { compression: 'zstd' }, toClient: true, kind: 'file', path: join(folder, 'a.tar') },
      { ...none, type: 'image', attributes: { name: 'a', push: 'true' } },
    ],
  )
  assert.deepEqual(await outputs('-o', `type=oci,tar=false,dest=${folder}`), [
    { type: 'oci', attributes: { tar: 'false' }, toClient: true, kind: 'directory', path: folder },
  ])
})

const REFUSED: readonly (readonly [argv: string, message: string])[] = [
  ['--platform=bogus/x/y/z', 'failed to build: "bogus/x/y/z": cannot parse platform specifier: invalid argument'],
  [
    '--ssh=default',
    'failed to build: failed to convert agent config {default [] false}: invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set',
  ],
  [
    '--ssh=a=b=c',
    'failed to build: failed to convert agent config {a [b=c] false}: failed to convert agent config for ID: "a": stat b=c: no such file or directory',
  ],
  ['--output=type=bogus', 'failed to build: failed to solve: exporter "bogus" could not be found'],
  ['--output=type=local', 'failed to build: dest is required for local exporter'],
  ['--output=-,--output=-', 'failed to build: multiple outputs configured to write to stdout'],
  ['--allow=x', 'failed to build: unknown entitlement x'],
  ['--progress=x', 'invalid progress mode x'],
  ['--add-host=x', 'failed to build: invalid host x'],
  ['--secret=foo=bar', "unexpected key 'foo' in 'foo=bar'"],
  ['--secret=type=env', 'failed to build: secret missing ID'],
  ['--secret=id=x,type=bla', 'unsupported secret type "bla"'],
  [
    '--secret=id=x,src=/nonexist',
    'failed to build: failed to stat /nonexist: stat /nonexist: no such file or directory',
  ],
  ['--build-context=x', 'invalid context value: x, expected key=value'],
  [
    '--build-context=x=/nonexist',
    'failed to build: failed to get build context x: stat /nonexist: no such file or directory',
  ],
  ['--attest=x', 'invalid value x'],
  ['--provenance=x', 'invalid value x'],
  ['--cache-from=type=', 'type required form> "type="'],
  ['--build-arg==x', 'invalid key-value pair "=x": empty key'],
  ['--label==x', 'invalid key-value pair "=x": empty key'],
  ['--push', 'failed to build: tag is needed when pushing to registry'],
  ['--tag=A:b', 'failed to build: invalid tag "A:b": '],
]

test('what cannot be is refused in the words of buildx 0.29', async () => {
  for (const [argv, message] of REFUSED) {
    const words = argv === '--output=-,--output=-' ? ['--output=-', '--output=-'] : [argv]
    await assert.rejects(requestOf(...words), (error: Error & { exitCode?: number }) => {
      assert.equal(error.message.slice(0, `ERROR: ${message}`.length), `ERROR: ${message}`)
      assert.equal(error.exitCode, 1)
      return true
    })
  }
})

test('fields of one value', () => {
  assert.deepEqual(csvFields('a,b'), ['a', 'b'])
  assert.deepEqual(csvFields('a,,'), ['a', '', ''])
  assert.deepEqual(csvFields('"a,b",c,"say ""x"""'), ['a,b', 'c', 'say "x"'])
  assert.deepEqual(csvFields('type=local,"dest=/a,b"'), ['type=local', 'dest=/a,b'])
  assert.throws(() => csvFields('a"b'), { message: 'parse error on line 1, column 2: bare " in non-quoted-field' })
  assert.throws(() => csvFields('"a'), {
    message: 'parse error on line 1, column 1: extraneous or missing " in quoted-field',
  })
})
