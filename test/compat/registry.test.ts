// Real clients and a real registry: docker, tare and skopeo against Debian's docker-registry, plain, with TLS and a password, and
// with tokens.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { hexOf } from '../../src/oci/digest.ts'
import { outwardAddress, writeCertsDirectory } from '../harness/certificates.ts'
import { type CommandResult, run } from '../harness/command.ts'
import { TestDaemon } from '../harness/daemon.ts'
import { expectStatus } from '../harness/http-client.ts'
import { makeIndex, publish, smallImage } from '../harness/layer-image.ts'
import { TestRegistry } from '../harness/registry.ts'
import { USER } from '../harness/registry-user.ts'
import { suiteRoot } from '../harness/suite-root.ts'
import { TokenServer } from '../harness/token-server.ts'

const folder = mkdtempSync(join(suiteRoot(), 'compat-'))
let daemon: TestDaemon
let plain: TestRegistry
before(async () => {
  ;[daemon, plain] = await Promise.all([TestDaemon.start(), TestRegistry.start()])
})
after(async () => {
  await plain[Symbol.asyncDispose]()
  await daemon[Symbol.asyncDispose]()
})

const CLIENTS = ['docker', 'tare'] as const
type Client = (typeof CLIENTS)[number]

/** Each keeps what it knows of registries in a folder of its own. */
const call = (client: Client, args: readonly string[], stdin?: string): Promise<CommandResult> => {
  const env = { DOCKER_CONFIG: join(folder, `${client}-config`) }
  return client === 'docker' ? daemon.docker(args, { env, stdin }) : daemon.tare(args, { env, stdin })
}
const ok = async (client: Client, args: readonly string[], stdin?: string): Promise<string> => {
  const { code, stdout, stderr } = await call(client, args, stdin)
  assert.equal(code, 0, `${client} ${args.join(' ')}: ${stderr}${stdout}`)
  return stdout.trim()
}
const skopeo = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await run(['skopeo', ...args])
  assert.equal(code, 0, `skopeo ${args.join(' ')}: ${stderr}`)
  return stdout
}
const insecure = ['--src-tls-verify=false', '--dest-tls-verify=false']
const idOf = async (name: string): Promise<string> =>
  expectStatus(await daemon.client.get<{ Id: string }>(`/images/${name}/json`), 200).Id

/** What the registry says the name leads to. */
const digestAt = async (repository: string, tag: string): Promise<string | null> => {
  const Accept = ['manifest.v2', 'manifest.list.v2'].map(kind => `application/vnd.docker.distribution.${kind}+json`)
  const oci = ['manifest', 'index'].map(kind => `application/vnd.oci.image.${kind}.v1+json`)
  const headers = { Accept: [...Accept, ...oci].join(', ') }
  const answer = await fetch(`${plain.url}/v2/${repository}/manifests/${tag}`, { method: 'HEAD', headers })
  return answer.headers.get('Docker-Content-Digest')
}

for (const client of CLIENTS) {
  test(`${client}: build, push, rmi, pull, run: the same image, and the registry’s digest`, async () => {
    const name = `${plain.host}/${client}/app:1`
    const dockerfile =
      'FROM busybox\nRUN echo built > /file && ln /file /hard && chmod 4755 /file\nCMD ["cat","/hard"]\n'
    await ok(client, ['build', '-t', name, '-'], dockerfile)
    const id = await idOf(name)
    const pushed = await ok(client, ['push', name])
    const digest = await digestAt(`${client}/app`, '1')
    assert.match(pushed, new RegExp(`^1: digest: ${digest} size: \\d+$`, 'm'))
    await ok(client, ['rmi', '-f', id])

    const pulled = await ok(client, ['pull', name])
    assert.match(pulled, /^1: Pulling from (docker|tare)\/app\n/)
    assert.match(pulled, new RegExp(`\nDigest: ${digest}\nStatus: Downloaded newer image for ${name}\n${name}$`))
    assert.equal(await idOf(name), id)
    assert.equal(await ok(client, ['run', '--rm', name]), 'built')
    assert.match(await ok(client, ['pull', name]), /Status: Image is up to date for/)
    assert.equal(await ok(client, ['pull', '-q', name]), name)
    await ok(client, ['rmi', name])
    assert.equal(await ok(client, ['run', '--rm', `${plain.host}/${client}/app@${digest}`]), 'built')
    await ok(client, ['rmi', '-f', id])
  })

  test(`${client}: push and pull of all tags`, async () => {
    const repository = `${plain.host}/${client}/many`
    for (const tag of ['a', 'b']) await ok(client, ['tag', 'busybox', `${repository}:${tag}`])
    await ok(client, ['push', '--all-tags', repository])
    for (const tag of ['a', 'b']) await ok(client, ['rmi', `${repository}:${tag}`])
    await ok(client, ['pull', '--all-tags', repository])
    const tags = await ok(client, ['images', '--format', '{{.Tag}}', repository])
    assert.deepEqual(tags.split('\n').sort(), ['a', 'b'])
  })

  test(`${client}: what is not there`, async () => {
    const { code, stderr } = await call(client, ['pull', `${plain.host}/nothing:1`])
    assert.equal(code, 1)
    assert.match(stderr, /manifest for .*\/nothing:1 not found: manifest unknown: manifest unknown\n$/)
    const pushed = await call(client, ['push', `${plain.host}/nothing:1`])
    assert.equal(pushed.code, 1)
    assert.match(pushed.stderr, /An image does not exist locally with the tag: .*\/nothing\n$/)
  })

  test(`${client}: login with a password, push, pull, logout`, async () => {
    await using closed = await TestRegistry.start({ htpasswd: true })
    const name = `${closed.host}/closed:1`
    const login = (password: string) =>
      call(client, ['login', '-u', USER.name, '--password-stdin', closed.host], `${password}\n`)
    await ok(client, ['tag', 'busybox', name])
    const refused = await call(client, ['push', name])
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /no basic auth credentials/)
    const wrong = await login('wrong')
    assert.equal(wrong.code, 1)
    assert.match(wrong.stderr, /401 Unauthorized|unauthorized/)
    const right = await login(USER.password)
    assert.equal(right.code, 0, right.stderr)
    assert.match(right.stdout, /^Login Succeeded$/m)
    await ok(client, ['push', name])
    await ok(client, ['rmi', name])
    await ok(client, ['pull', name])
    assert.match(await ok(client, ['logout', closed.host]), /^Removing login credentials for /)
    assert.equal((await call(client, ['pull', name])).code, 1)
    assert.equal(daemon.log().includes(USER.password), false, 'no password in the log')
    await ok(client, ['rmi', name])
  })

  test(`${client}: tokens: scopes, what may be done by nobody, and a login that brings a refresh token`, async () => {
    await using tokens = await TokenServer.start({ anonymousPull: true, refreshTokens: true })
    await using closed = await TestRegistry.start({ tokens })
    const name = `${closed.host}/team/app:1`
    await ok(client, ['tag', 'busybox', name])
    const denied = await call(client, ['push', name])
    assert.equal(denied.code, 1)
    assert.match(
      denied.stderr,
      /denied: requested access to the resource is denied|unauthorized: authentication required/,
    )
    await ok(client, ['login', '-u', USER.name, '--password-stdin', closed.host], USER.password)
    const config = JSON.parse(readFileSync(join(folder, `${client}-config`, 'config.json'), 'utf8'))
    assert.ok(tokens.refreshTokens.has(config.auths[closed.host].identitytoken), 'the refresh token is what is kept')
    tokens.requests.length = 0
    await ok(client, ['push', name])
    assert.ok(tokens.requests.some(({ grant }) => grant === 'refresh_token'))
    const asked = tokens.scopes.map(scope =>
      scope
        .split(':')
        .map(part => part.split(',').sort().join())
        .join(':'),
    )
    assert.ok(asked.includes('repository:team/app:pull,push'), asked.join(' '))
    await ok(client, ['rmi', name])
    await ok(client, ['logout', closed.host])
    tokens.requests.length = 0
    await ok(client, ['pull', name])
    assert.deepEqual([...new Set(tokens.requests.map(({ user }) => user))], [undefined])
    assert.deepEqual([...new Set(tokens.scopes)], ['repository:team/app:pull'])
    await ok(client, ['rmi', name])
  })

  test(`${client}: save and load carry images to and from skopeo`, async () => {
    const file = join(folder, `${client}.tar`)
    const name = `${plain.host}/${client}/saved:1`
    await ok(client, ['tag', 'busybox', name])
    const id = await idOf(name)
    await ok(client, ['save', '-o', file, name])
    await skopeo('copy', ...insecure, `docker-archive:${file}:${name}`, `docker://${plain.host}/${client}/copied:1`)
    await skopeo('copy', ...insecure, `oci-archive:${file}`, `docker://${plain.host}/${client}/copied:2`)
    for (const tag of ['1', '2']) {
      await ok(client, ['pull', `${plain.host}/${client}/copied:${tag}`])
      assert.equal(await idOf(`${plain.host}/${client}/copied:${tag}`), id)
    }

    const image = smallImage(`archive ${client}`)
    await publish(plain.url, `${client}/foreign`, '1', image)
    rmSync(file)
    const from = `docker://${plain.host}/${client}/foreign:1`
    await skopeo('copy', ...insecure, from, `docker-archive:${file}:${client}/loaded:1`)
    assert.equal(await ok(client, ['load', '-i', file]), `Loaded image: ${client}/loaded:1`)
    assert.equal(await idOf(`${client}/loaded:1`), image.id)
    await ok(client, [
      'rmi',
      name,
      `${client}/loaded:1`,
      `${plain.host}/${client}/copied:1`,
      `${plain.host}/${client}/copied:2`,
    ])
  })
}

test('skopeo reads the store of Tare as what it is: an OCI layout', async () => {
  const name = `${plain.host}/layout:1`
  const image = smallImage('layout', { flavour: 'oci' })
  const digest = await publish(plain.url, 'layout', '1', image)
  await ok('docker', ['pull', name])
  const layout = `oci:${join(daemon.dataRoot, 'content')}:${name}`
  assert.equal(JSON.parse(await skopeo('inspect', layout)).Digest, digest)
  await skopeo('copy', ...insecure, layout, `docker://${plain.host}/from-layout:1`)
  assert.equal(await digestAt('from-layout', '1'), digest)

  // And a layout that skopeo wrote comes in through load.
  const other = join(folder, 'layout.tar')
  await skopeo('copy', ...insecure, `docker://${name}`, `oci-archive:${other}:skopeo/layout:1`)
  await ok('docker', ['rmi', name])
  assert.match(await ok('docker', ['load', '-i', other]), /^Loaded image/)
  assert.equal(await idOf(image.id), image.id)
})

test('an index goes through skopeo, Tare and the registry as it is', async () => {
  const amd = smallImage('amd of all')
  const arm = smallImage('arm of all', { platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } })
  const digest = await publish(plain.url, 'all/source', '1', makeIndex([amd, arm]))
  const source = `${plain.host}/all/source:1`
  for (const platform of ['linux/amd64', 'linux/arm64/v8']) await ok('docker', ['pull', '--platform', platform, source])
  await ok('docker', ['tag', source, `${plain.host}/all/pushed:1`])
  await ok('docker', ['push', `${plain.host}/all/pushed:1`])
  assert.equal(await digestAt('all/pushed', '1'), digest)
  await skopeo(
    'copy',
    '--all',
    ...insecure,
    `docker://${plain.host}/all/pushed:1`,
    `docker://${plain.host}/all/again:1`,
  )
  assert.equal(await digestAt('all/again', '1'), digest)
})

test('a token that ends while a transfer goes on is asked for anew', async () => {
  await using tokens = await TokenServer.start()
  await using closed = await TestRegistry.start({ tokens })
  const name = `${closed.host}/short:1`
  await ok('docker', ['tag', 'busybox', name])
  await ok('docker', ['login', '-u', USER.name, '--password-stdin', closed.host], USER.password)
  for (const verb of ['push', 'pull']) {
    tokens.requests.length = 0
    tokens.stale = 1
    await ok('docker', [verb, name])
    assert.equal(tokens.stale, 0)
    assert.ok(tokens.requests.length > 1)
    if (verb === 'push') await ok('docker', ['rmi', name])
  }
  await ok('docker', ['rmi', name])
})

test('certificates: nobody’s are refused, those of certs.d are trusted, and a client can have one too', async t => {
  const address = outwardAddress()
  if (address === undefined) return t.skip('this host has no address but loopback')
  await using secret = await TestRegistry.start({ tls: true, htpasswd: true, address })
  await using mutual = await TestRegistry.start({ clientCertificate: true, address })
  const directory = '/etc/docker/certs.d'
  const made = mkdirSync(directory, { recursive: true })
  try {
    for (const { host } of [secret, mutual]) await ok('docker', ['tag', 'busybox', `${host}/safe:1`])
    const unknown = await call('docker', ['push', `${secret.host}/safe:1`])
    assert.match(unknown.stderr, /certificate signed by unknown authority/)
    writeCertsDirectory(directory, secret.host)
    writeCertsDirectory(directory, mutual.host)
    await ok('docker', ['login', '-u', USER.name, '--password-stdin', secret.host], USER.password)
    await ok('docker', ['push', `${secret.host}/safe:1`])
    await ok('docker', ['pull', `${secret.host}/safe:1`])

    const nobody = await call('docker', ['push', `${mutual.host}/safe:1`])
    assert.equal(nobody.code, 1)
    assert.match(nobody.stderr, /tls: (certificate required|bad certificate)/)
    writeCertsDirectory(directory, mutual.host, true)
    await ok('docker', ['push', `${mutual.host}/safe:1`])
    await ok('docker', ['rmi', `${secret.host}/safe:1`, `${mutual.host}/safe:1`])
  } finally {
    for (const { host } of [secret, mutual]) rmSync(join(directory, host), { recursive: true, force: true })
    if (made) rmSync(made, { recursive: true })
  }
})

test('an insecure registry is one that was said to be', async t => {
  const address = outwardAddress()
  if (address === undefined) return t.skip('this host has no address but loopback')
  await using http = await TestRegistry.start({ address })
  await using https = await TestRegistry.start({ tls: true, address })
  await ok('docker', ['tag', 'busybox', `${http.host}/x:1`])
  assert.match(
    (await call('docker', ['push', `${http.host}/x:1`])).stderr,
    /http: server gave HTTP response to HTTPS client/,
  )
  const flags = [http.host, https.host].flatMap(host => ['--insecure-registry', host])
  await using trusting = await TestDaemon.start({ flags })
  for (const { host } of [http, https]) {
    assert.equal((await trusting.docker(['tag', 'busybox', `${host}/x:1`])).code, 0)
    const { code, stderr } = await trusting.docker(['push', `${host}/x:1`])
    assert.equal(code, 0, stderr)
  }
})

test('mirrors are asked first, and what they cannot do the registry does', async () => {
  const image = smallImage('mirrored')
  await publish(plain.url, 'library/hello', '1', image)
  await publish(plain.url, 'only/origin', '1', image)
  await using cache = await TestRegistry.start({ mirrorOf: plain.url })
  const flags = ['http://127.0.0.1:1', cache.url, `${plain.host}=http://127.0.0.1:1`, `${plain.host}=${cache.url}`]
  await using mirrored = await TestDaemon.start({
    busybox: false,
    flags: flags.flatMap(mirror => ['--registry-mirror', mirror]),
  })
  const { code, stdout, stderr } = await mirrored.docker(['pull', 'hello:1'])
  assert.equal(code, 0, stderr)
  assert.match(stdout, /Status: Downloaded newer image for hello:1\n/)
  assert.match(cache.log(), /"GET \/v2\/library\/hello\/blobs\//)
  const origin = await mirrored.docker(['pull', `${plain.host}/only/origin:1`])
  assert.equal(origin.code, 0, origin.stderr)
  assert.match(cache.log(), /\/v2\/only\/origin\/manifests\/1/)
})

test('credsStore: the helper of the user’s choice is asked', async () => {
  await using closed = await TestRegistry.start({ htpasswd: true })
  const home = join(folder, 'helper')
  mkdirSync(home)
  const helper = join(home, 'docker-credential-tests')
  // Keeps what it is given in one file: the protocol of https://github.com/docker/docker-credential-helpers.
  const script = `#!/bin/sh
store=${home}/kept
case $1 in
  store) cat >"$store" ;;
  get) [ -e "$store" ] && cat "$store" || { echo "credentials not found in native keychain"; exit 1; } ;;
  erase) rm -f "$store" ;;
  list) echo '{}' ;;
esac
`
  writeFileSync(helper, script, { mode: 0o755 })
  writeFileSync(join(home, 'config.json'), '{"credsStore":"tests"}')
  const env = { DOCKER_CONFIG: home, PATH: `${home}:${process.env.PATH}` }
  const name = `${closed.host}/helped:1`
  for (const cli of [daemon.docker.bind(daemon), daemon.tare.bind(daemon)]) {
    const does = async (args: readonly string[], stdin?: string): Promise<void> => {
      const { code, stderr } = await cli(args, { env, stdin })
      assert.equal(code, 0, stderr)
    }
    await does(['tag', 'busybox', name])
    await does(['login', '-u', USER.name, '--password-stdin', closed.host], USER.password)
    assert.equal(JSON.parse(readFileSync(join(home, 'kept'), 'utf8')).Secret, USER.password)
    assert.equal(
      readFileSync(join(home, 'config.json'), 'utf8').includes(Buffer.from(USER.password).toString('base64')),
      false,
    )
    await does(['push', name])
    await does(['logout', closed.host])
    assert.equal((await cli(['push', name], { env })).code, 1)
  }
  await ok('docker', ['rmi', name])
})

test('a blob in the registry’s storage is the blob in Tare’s', async () => {
  const name = `${plain.host}/bytes:1`
  await ok('docker', ['tag', 'busybox', name])
  await ok('docker', ['push', name])
  await ok('docker', ['rmi', name])
  await ok('docker', ['pull', name])
  const digest = (await digestAt('bytes', '1')) as `sha256:${string}`
  const hex = hexOf(digest)
  const there = join(plain.folder, 'storage/docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data')
  const here = join(daemon.dataRoot, 'content/blobs/sha256', hex)
  assert.ok(readFileSync(there).equals(readFileSync(here)))
})
