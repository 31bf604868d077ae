// Who may do what: passwords, tokens and certificates at docker-registry, and what `login` and `search` say. The words are
// those of dockerd 28.5 asked the same.
import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { mediaTypes } from '../../src/oci/descriptor.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { Registries } from '../../src/registry/registries.ts'
import type { Credentials, RegistryConfig } from '../../src/registry/registry-config.ts'
import type { Repository } from '../../src/registry/repository.ts'
import { outwardAddress, writeCertsDirectory } from '../harness/certificates.ts'
import { blobOf, noise, smallImage } from '../harness/layer-image.ts'
import { TestRegistry } from '../harness/registry.ts'
import { USER } from '../harness/registry-user.ts'
import { suiteRoot } from '../harness/suite-root.ts'
import { TokenServer } from '../harness/token-server.ts'

const user: Credentials = { username: USER.name, password: USER.password }
const wrong: Credentials = { username: USER.name, password: 'wrong' }
const registries = (config: Partial<RegistryConfig> = {}): Registries =>
  new Registries({ mirrors: [], insecure: [], certsDirectories: [], maxAttempts: 2, timeout: 5000, ...config })
const repository = (name: string, credentials: Credentials = {}, config: Partial<RegistryConfig> = {}): Repository =>
  registries(config).repository(parseReference(name), { credentials })

const push = async (to: Repository, tag: string): Promise<void> => {
  const image = smallImage(tag)
  for (const { descriptor, bytes } of image.blobs) {
    await to.uploadBlob(descriptor, offset => Readable.from([bytes.subarray(offset)]))
  }
  const { descriptor, bytes } = image.target
  assert.equal(await to.putManifest(tag, bytes, descriptor.mediaType), descriptor.digest)
  assert.deepEqual((await to.manifest(tag)).bytes, bytes)
}

/** Answers everything the same way. */
const answering = async (context: TestContext, listener: RequestListener): Promise<string> => {
  const server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
}

test('docker-registry in clear: there and back, in parts and from the middle', async () => {
  await using registry = await TestRegistry.start()
  const there = repository(`${registry.host}/team/app`, {}, { chunkSize: 5 * 1024 * 1024 })
  await push(there, '1')
  await push(there, '2')
  assert.deepEqual((await there.tags()).sort(), ['1', '2'])
  const { descriptor, bytes } = blobOf(noise(12 * 1024 * 1024 + 1), mediaTypes.layer)
  await there.uploadBlob(descriptor, offset => Readable.from([bytes.subarray(offset)]))
  const { stream, offset } = await there.blob(descriptor, { offset: 12 * 1024 * 1024 })
  assert.equal(offset, 12 * 1024 * 1024)
  assert.deepEqual(await buffer(stream), bytes.subarray(offset))
  const beside = repository(`${registry.host}/team/beside`)
  assert.ok(await beside.mountBlob(descriptor.digest, 'team/app'))
  assert.ok(await beside.hasBlob(descriptor.digest))
  await assert.rejects(repository(`${registry.host}/nope`).tags(), {
    kind: 'NotFound',
    message: `repository ${registry.host}/nope not found: name unknown: repository name not known to registry`,
  })
})

test('docker-registry with a password', async () => {
  await using registry = await TestRegistry.start({ htpasswd: true })
  const name = `${registry.host}/team/app`
  await push(repository(name, user), '1')
  await assert.rejects(repository(name, wrong).resolve('1'), {
    kind: 'Unauthorized',
    message: 'unauthorized: authentication required',
  })
  await assert.rejects(repository(name).resolve('1'), {
    kind: 'Internal',
    message: `Head "${registry.url}/v2/team/app/manifests/1": no basic auth credentials`,
  })
  const client = registries()
  const succeeded = { status: 'Login Succeeded', identityToken: '' }
  for (const address of [registry.host, registry.url, `https://${registry.host}/v1/`]) {
    assert.deepEqual(await client.login(address, user), succeeded)
  }
  await assert.rejects(client.login(registry.host, wrong), {
    kind: 'Unauthorized',
    message: `login attempt to ${registry.url}/v2/ failed with status: 401 Unauthorized`,
  })
  await assert.rejects(client.login(registry.host, {}), {
    message: `Get "${registry.url}/v2/": no basic auth credentials`,
  })
})

test('docker-registry with TLS, an authority of its own and the client’s certificate', async context => {
  const address = outwardAddress()
  if (address === undefined) return context.skip('this host has no address but loopback')
  const directory = mkdtempSync(join(suiteRoot(), 'certs-'))
  await using registry = await TestRegistry.start({ clientCertificate: true, htpasswd: true, address })
  const name = `${registry.host}/team/app`
  const config = { certsDirectories: [directory] }
  await assert.rejects(repository(name, user, config).resolve('1'), /x509: certificate signed by unknown authority/)
  writeCertsDirectory(directory, registry.host)
  await assert.rejects(repository(name, user, config).resolve('1'), /tls: |EOF|reset/)
  writeCertsDirectory(directory, registry.host, true)
  await push(repository(name, user, config), '1')
  assert.equal((await registries(config).login(registry.host, user)).status, 'Login Succeeded')
})

test('docker-registry with tokens: each for what it is asked for, and kept while it lives', async () => {
  await using tokens = await TokenServer.start({ anonymousPull: true })
  await using registry = await TestRegistry.start({ tokens })
  const name = `${registry.host}/team/app`
  const client = registries()
  const mine = client.repository(parseReference(name), { credentials: user })
  await push(mine, '1')
  assert.deepEqual([...new Set(tokens.scopes)], ['repository:team/app:pull,push', 'repository:team/app:pull'])
  assert.equal(tokens.requests.length, 2)
  await client.repository(parseReference(name), { credentials: user }).manifest('1')
  assert.equal(tokens.requests.length, 2, 'a token that lives is used again')
  await client.repository(parseReference(name)).manifest('1')
  assert.equal(tokens.requests.at(-1)?.grant, 'anonymous', 'but not for somebody else')
  const { config } = JSON.parse((await mine.manifest('1')).bytes.toString())
  const beside = client.repository(parseReference(`${registry.host}/team/beside`), { credentials: user })
  assert.ok(await beside.mountBlob(config.digest, 'team/app'))
  assert.deepEqual(tokens.requests.at(-1)?.scopes, ['repository:team/beside:pull,push', 'repository:team/app:pull'])
  await assert.rejects(push(client.repository(parseReference(name)), '2'), {
    kind: 'Forbidden',
    message: /^denied: |insufficient/,
  })
})

test('a password that the token service does not take', async () => {
  await using tokens = await TokenServer.start()
  await using registry = await TestRegistry.start({ tokens })
  const name = `${registry.host}/team/app`
  await assert.rejects(repository(name, wrong).resolve('1'), {
    kind: 'Unauthorized',
    message: `Head "${registry.url}/v2/team/app/manifests/1": unauthorized: incorrect username or password`,
  })
  await assert.rejects(registries().login(registry.host, wrong), {
    kind: 'Unauthorized',
    message: `Get "${registry.url}/v2/": unauthorized: incorrect username or password`,
  })
  await assert.rejects(repository(name).resolve('1'), {
    kind: 'NotFound',
    message: `pull access denied for ${name}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
  })
})

test('a login that brings a refresh token, which is as good as the password', async () => {
  await using tokens = await TokenServer.start({ refreshTokens: true })
  await using registry = await TestRegistry.start({ tokens })
  const { status, identityToken } = await registries().login(registry.host, user)
  assert.equal(status, 'Login Succeeded')
  assert.ok(tokens.refreshTokens.has(identityToken))
  await push(repository(`${registry.host}/team/app`, { identityToken }), '1')
  assert.equal(tokens.requests.at(-1)?.grant, 'refresh_token')
  await assert.rejects(repository(`${registry.host}/team/app`, { identityToken: 'stale' }).resolve('1'), {
    kind: 'Unauthorized',
  })
})

test('token services that do not work', async context => {
  const cases: [RequestListener, string | RegExp][] = [
    [(_, response) => response.writeHead(501).end(), 'received unexpected HTTP status: 501 Not Implemented'],
    [(_, response) => response.end('{}'), 'authorization server did not include a token in the response'],
    [
      (_, response) => response.end('<html>'),
      "unable to decode token response: invalid character '<' looking for beginning of value",
    ],
  ]
  for (const [answer, words] of cases) {
    const host = await answering(context, (request, response) => {
      if (request.url?.startsWith('/token')) answer(request, response)
      else response.writeHead(401, { 'WWW-Authenticate': `Bearer realm="http://${request.headers.host}/token"` }).end()
    })
    await assert.rejects(repository(`${host}/x`).resolve('1'), {
      kind: 'Internal',
      message: `Head "http://${host}/v2/x/manifests/1": ${words}`,
    })
    await assert.rejects(registries().login(host, user), { message: `Get "http://${host}/v2/": ${words}` })
  }
})

test('login at what is no registry', async context => {
  const host = await answering(context, (_, response) => response.writeHead(404).end('<html>'))
  await assert.rejects(registries().login(host, user), {
    kind: 'Internal',
    message: `login attempt to http://${host}/v2/ failed with status: 404 Not Found`,
  })
  await assert.rejects(registries().login('127.0.0.1:1', user), {
    message: 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
  })
  await assert.rejects(registries().login('http://[', user), {
    kind: 'InvalidArgument',
    message: /^unable to parse server address/,
  })
})

test('search: what a registry finds, and what it can not', async context => {
  const seen: string[] = []
  const result = { name: 'team/app', description: 'd', star_count: 3, is_official: true, is_automated: true }
  const host = await answering(context, (request, response) => {
    seen.push(`${request.url} ${request.headers.authorization ?? ''}`)
    if (request.url?.startsWith('/v1/search')) response.end(JSON.stringify({ results: [result, {}] }))
    else response.writeHead(404).end()
  })
  const found = await registries().search(`${host}/app`, { limit: 7, credentials: user })
  assert.deepEqual(found[0], { ...result, is_automated: false })
  assert.equal(found.length, 2)
  assert.deepEqual(seen, [
    '/v1/_ping ',
    `/v1/search?q=app&n=7 Basic ${Buffer.from(`${USER.name}:${USER.password}`).toString('base64')}`,
  ])
  const html = await answering(context, (_, response) => response.end('<html>'))
  await assert.rejects(registries().search(`${html}/app`), {
    kind: 'Internal',
    message: "error decoding registry search results: invalid character '<' looking for beginning of value",
  })
  await using registry = await TestRegistry.start()
  await assert.rejects(registries().search(`${registry.host}/app`), {
    kind: 'Internal',
    message: 'Unexpected status code 404',
  })
  await assert.rejects(registries().search('http://foo'), {
    kind: 'InvalidArgument',
    message: 'invalid repository name: repository name (http://foo) should not have a scheme',
  })
  await assert.rejects(registries().search(`${host}/app`, { limit: 1000 }), {
    kind: 'InvalidArgument',
    message: 'limit 1000 is outside the range of [1, 100]',
  })
  await assert.rejects(registries().search('nosuch.invalid/foo'), {
    kind: 'InvalidArgument',
    message:
      /^invalid registry endpoint https:\/\/nosuch\.invalid\/v1\/: Get "https:\/\/nosuch\.invalid\/v1\/_ping": dial tcp: lookup nosuch\.invalid.* add `--insecure-registry nosuch\.invalid` to the daemon's arguments/,
  })
})
