import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { FakeDaemon } from '../../../test/harness/fake-daemon.ts'
import { command as build } from './build.ts'
import { command as login } from './login.ts'
import { command as logout } from './logout.ts'
import { command as pull } from './pull.ts'
import { command as push } from './push.ts'
import { command as search } from './search.ts'

const decode = (header: string | string[] | undefined): unknown =>
  JSON.parse(Buffer.from(String(header), 'base64url').toString())
const auths = { 'r.example': { auth: Buffer.from('me:secret').toString('base64') } }

test('pull and push send the credentials of the image’s registry, and of no other', async () => {
  await using daemon = await FakeDaemon.start(() => ({ lines: [{ status: 'Pulled' }] }))
  writeFileSync(join(daemon.folder, 'config.json'), JSON.stringify({ auths }))
  const pulled = await daemon.run(pull, 'r.example/a')
  assert.equal(pulled.stdout, 'Using default tag: latest\nPulled\nr.example/a:latest\n')
  assert.deepEqual(decode(daemon.asked[0]?.headers['x-registry-auth']), {
    username: 'me',
    password: 'secret',
    serveraddress: 'r.example',
  })
  assert.equal(daemon.asked[0]?.query.get('fromImage'), 'r.example/a')
  await daemon.run(pull, '-q', '-a', 'other.example/a')
  assert.equal(daemon.asked[1]?.headers['x-registry-auth'], 'e30=')
  assert.equal(daemon.asked[1]?.query.get('tag'), null)
  const pushed = await daemon.run(push, '-q', '--platform', 'linux/arm64', 'r.example/a:1')
  assert.match(pushed.stdout, /^\n Info -> Using --platform pushes [^]*\nr.example\/a:1\n$/)
  assert.deepEqual(JSON.parse(daemon.asked[2]?.query.get('platform') ?? ''), { os: 'linux', architecture: 'arm64' })
})

test('what a push says beside its progress becomes notes; its errors end it with 1', async () => {
  const lines = [
    { status: 'The push refers to x' },
    { aux: { contentMissing: true } },
    { error: 'gone', errorDetail: { message: 'gone' } },
  ]
  await using daemon = await FakeDaemon.start(() => ({ lines }))
  const { stdout, fault } = await daemon.run(push, 'x:1')
  assert.match(stdout, /^The push refers to x\n\n Info -> You're trying to push a manifest list/)
  assert.equal(fault?.message, 'gone')
})

test('a build gets everything that is kept', async () => {
  await using daemon = await FakeDaemon.start(() => ({ lines: [{ aux: { ID: 'sha256:1' } }] }))
  writeFileSync(join(daemon.folder, 'config.json'), JSON.stringify({ auths }))
  writeFileSync(join(daemon.folder, 'Dockerfile'), 'FROM scratch\n')
  await daemon.run(build, '-q', '-f', join(daemon.folder, 'Dockerfile'), import.meta.dirname)
  assert.deepEqual(decode(daemon.asked[0]?.headers['x-registry-config']), {
    'r.example': { username: 'me', password: 'secret', serveraddress: 'r.example' },
  })
})

test('login keeps what the daemon has tried, logout forgets it', async () => {
  await using daemon = await FakeDaemon.start(({ body }) =>
    body.includes('right')
      ? { json: { Status: 'Login Succeeded', IdentityToken: '' } }
      : {
          status: 401,
          json: { message: 'login attempt to http://r.example/v2/ failed with status: 401 Unauthorized' },
        },
  )
  const wrong = await daemon.run(login, '-u', 'me', '-p', 'wrong', 'https://r.example/v1/')
  assert.equal(wrong.fault?.message, 'login attempt to http://r.example/v2/ failed with status: 401 Unauthorized')
  assert.equal(wrong.stderr, 'WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n')
  const right = await daemon.run(login, '-u', 'me', '-p', 'right', 'https://r.example/v1/')
  assert.equal(right.stdout, 'Login Succeeded\n')
  assert.match(right.stderr, /\n\nWARNING! Your credentials are stored unencrypted in '.*config.json'.\n/)
  assert.deepEqual(JSON.parse(daemon.asked[1]?.body ?? ''), {
    username: 'me',
    password: 'right',
    serveraddress: 'r.example',
  })
  const again = await daemon.run(login, 'r.example')
  assert.match(again.stderr, /^Authenticating with existing credentials... \[Username: me\]\n\n Info -> To login with/)
  assert.equal(again.stdout, 'Login Succeeded\n')
  assert.equal((await daemon.run(logout, 'r.example')).stdout, 'Removing login credentials for r.example\n')
  const none = await daemon.run(login, 'r.example')
  assert.equal(none.fault?.message, 'Error: Cannot perform an interactive login from a non TTY device')
})

test('an identity token is kept instead of the password', async () => {
  await using daemon = await FakeDaemon.start(() => ({ json: { Status: 'Login Succeeded', IdentityToken: 'token' } }))
  await daemon.run(login, '-u', 'me', '-p', 'x', 'r.example')
  await daemon.run(pull, 'r.example/a:1')
  assert.deepEqual(decode(daemon.asked[1]?.headers['x-registry-auth']), {
    username: 'me',
    password: '',
    identitytoken: 'token',
    serveraddress: 'r.example',
  })
})

const faults: readonly [string[], string][] = [
  [['-p', 'x', '--password-stdin'], 'conflicting options: cannot specify both --password and --password-stdin'],
  [['--password-stdin'], 'the --password-stdin option requires --username to be set'],
  [['-u', ''], 'username is empty'],
  [['-u', 'x', '-p', ''], 'password is empty'],
]
for (const [argv, message] of faults)
  test(`login refuses ${argv.join(' ')}`, async () => {
    await using daemon = await FakeDaemon.start(() => ({}))
    assert.equal((await daemon.run(login, ...argv)).fault?.message, message)
    assert.equal(daemon.asked.length, 0)
  })

test('search shows a table, and JSON on request', async () => {
  const found = { name: 'busybox', description: `Busybox\nbase ${'x'.repeat(60)}`, star_count: 7, is_official: true }
  await using daemon = await FakeDaemon.start(() => ({ json: [found] }))
  const { stdout } = await daemon.run(search, '--limit', '3', '-f', 'stars=3', 'busy')
  assert.equal(
    stdout,
    `NAME      DESCRIPTION                                     STARS     OFFICIAL\nbusybox   Busybox base ${'x'.repeat(31)}…   7         [OK]\n`,
  )
  assert.equal(daemon.asked[0]?.query.toString(), 'term=busy&limit=3&filters=%7B%22stars%22%3A%7B%223%22%3Atrue%7D%7D')
  assert.equal(
    (await daemon.run(search, '--no-trunc', '--format', '{{json .}}', 'busy')).stdout,
    `{"Description":"Busybox base ${'x'.repeat(60)}","IsOfficial":"true","Name":"busybox","StarCount":"7"}\n`,
  )
})
