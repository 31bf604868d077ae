import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { ConfigFile } from '../config-file.ts'
import { authKey, encodeHeader, HUB_ADDRESS, hostOf } from './auth-config.ts'
import { allCredentials, credentialStore } from './credential-store.ts'

let folder: string
const path = process.env.PATH
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tare-credentials-'))
})
afterEach(() => {
  process.env.PATH = path
  rmSync(folder, { recursive: true })
})

const file = (): string => join(folder, 'config.json')
const write = (settings: object): void => writeFileSync(file(), JSON.stringify(settings))
const read = (): Record<string, unknown> => JSON.parse(readFileSync(file(), 'utf8')) as Record<string, unknown>
const config = (): ConfigFile => new ConfigFile(folder)

/** A helper that keeps a file a server below `folder/kept`, and answers as the real ones do. */
const installHelper = (name: string): void => {
  const bin = join(folder, 'bin')
  mkdirSync(bin, { recursive: true })
  mkdirSync(join(folder, 'kept'), { recursive: true })
  const program = join(bin, `docker-credential-${name}`)
  writeFileSync(
    program,
    `#!/bin/sh
cd '${folder}/kept'
file() { printf %s "$1" | tr '/:' '__'; }
case $1 in
  store) input=$(cat); server=$(printf %s "$input" | sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/'); printf %s "$input" >"$(file "$server")" ;;
  get) server=$(cat); name=$(file "$server"); [ -f "$name" ] || { echo 'credentials not found in native keychain'; exit 1; }; cat "$name" ;;
  erase) server=$(cat); rm "$(file "$server")" 2>/dev/null || { echo "no $server here"; exit 3; } ;;
  list) echo '{'; comma=; for name in *; do [ -f "$name" ] || continue; printf '%s"%s": "user"' "$comma" "$(sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/' "$name")"; comma=,; done; echo '}' ;;
esac
`,
  )
  chmodSync(program, 0o755)
  process.env.PATH = `${bin}:${path}`
}
const AUTH = { serveraddress: 'r.example:5000', username: 'me', password: 'a:b c' }

test('credentials in the file are kept as Docker keeps them, for their owner alone', async () => {
  assert.equal(await credentialStore(config(), 'r.example:5000').store(AUTH), true)
  assert.equal(
    readFileSync(file(), 'utf8'),
    `{\n\t"auths": {\n\t\t"r.example:5000": {\n\t\t\t"auth": "${Buffer.from('me:a:b c').toString('base64')}"\n\t\t}\n\t}\n}`,
  )
  assert.equal(statSync(file()).mode & 0o777, 0o600)
  assert.deepEqual(await credentialStore(config(), 'r.example:5000').get('r.example:5000'), AUTH)
  assert.deepEqual(readdirSync(folder), ['config.json'])
})

test('what we do not know in the file stays, and so does its mode', async () => {
  write({ auths: { old: { auth: 'eDp5', email: 'x@y' } }, currentContext: 'c', plugins: { p: { a: 'b' } } })
  chmodSync(file(), 0o640)
  const store = credentialStore(config(), 'r.example:5000')
  await store.store(AUTH)
  await store.erase('nobody')
  const { auths, ...rest } = read()
  assert.deepEqual(rest, { currentContext: 'c', plugins: { p: { a: 'b' } } })
  assert.deepEqual(Object.keys(auths as object), ['old', 'r.example:5000'])
  assert.equal(statSync(file()).mode & 0o777, 0o640)
  await store.erase('r.example:5000')
  assert.deepEqual(read().auths, { old: { auth: 'eDp5', email: 'x@y' } })
})

test('the same again changes nothing and warns no more; an identity token replaces the password', async () => {
  const store = credentialStore(config(), 'r.example:5000')
  await store.store(AUTH)
  const before = statSync(file()).ino
  assert.equal(await store.store(AUTH), false)
  assert.equal(statSync(file()).ino, before)
  const { password: _, ...others } = AUTH
  assert.equal(await store.store({ ...others, identitytoken: 'token' }), false)
  assert.deepEqual(await store.get('r.example:5000'), { ...others, password: '', identitytoken: 'token' })
})

test('a file that is a link stays one, even to nothing', async () => {
  symlinkSync(join(folder, 'elsewhere.json'), file())
  await credentialStore(config(), 'x').store({ ...AUTH, serveraddress: 'x' })
  assert.ok(existsSync(join(folder, 'elsewhere.json')))
  assert.equal((await credentialStore(config(), 'x').get('x')).username, 'me')
})

test('a file that is not JSON is told of, and never overwritten', async () => {
  writeFileSync(file(), '{bad')
  const warnings: string[] = []
  const broken = new ConfigFile(folder, text => warnings.push(text))
  assert.deepEqual(broken.settings, {})
  assert.match(warnings.join(), /^WARNING: Error parsing config file \(.*config.json\): /)
  await assert.rejects(credentialStore(broken, 'x').store(AUTH), /is not JSON .*; it is left as it is/)
  assert.equal(readFileSync(file(), 'utf8'), '{bad')
})

test('a helper keeps the secrets, the file only the names', async () => {
  installHelper('test')
  write({ credsStore: 'test' })
  const store = credentialStore(config(), 'r.example:5000')
  assert.equal(await store.store(AUTH), false)
  assert.deepEqual(read(), { credsStore: 'test', auths: { 'r.example:5000': {} } })
  assert.deepEqual(await store.get('r.example:5000'), AUTH)
  assert.deepEqual(await store.get('nobody'), {})
  await store.store({ serveraddress: 'token.example', username: 'me', identitytoken: 'abc' })
  assert.deepEqual(await store.get('token.example'), { identitytoken: 'abc', serveraddress: 'token.example' })
  assert.deepEqual(Object.keys(await allCredentials(config(), assert.fail)).sort(), ['r.example:5000', 'token.example'])
  await store.erase('r.example:5000')
  assert.deepEqual(await store.get('r.example:5000'), {})
  assert.deepEqual(read().auths, { 'token.example': {} })
})

test("a server's own helper comes before the one for all", async () => {
  installHelper('mine')
  write({ credHelpers: { 'r.example:5000': 'mine' }, auths: { other: { auth: 'eDp5' } } })
  await credentialStore(config(), 'r.example:5000').store(AUTH)
  assert.equal((await credentialStore(config(), 'other').get('other')).username, 'x')
  const all = await allCredentials(config(), assert.fail)
  assert.equal(all['r.example:5000']?.password, 'a:b c')
  assert.equal(all.other?.password, 'y')
})

test('what goes wrong in a helper is said in Docker’s words', async () => {
  installHelper('test')
  write({ credsStore: 'test', auths: { gone: {} } })
  await assert.rejects(credentialStore(config(), 'x').erase('gone'), {
    message: 'error erasing credentials - err: exit status 3, out: `no gone here`',
  })
  write({ credsStore: 'missing' })
  const message = 'err: exec: "docker-credential-missing": executable file not found in $PATH, out: ``'
  await assert.rejects(credentialStore(config(), 'x').get('x'), { message: `error getting credentials - ${message}` })
  await assert.rejects(credentialStore(config(), 'x').store(AUTH), {
    message: `error storing credentials - ${message}`,
  })
  const warnings: string[] = []
  write({ credHelpers: { x: 'missing' } })
  assert.deepEqual(await allCredentials(config(), text => warnings.push(text)), {})
  assert.match(warnings.join(), /^Failed to get credentials for registry: x: /)
})

test("the machine's own store is used when nothing is kept yet, and named from then on", async () => {
  installHelper('pass')
  writeFileSync(join(folder, 'bin', 'pass'), '#!/bin/sh\n', { mode: 0o755 })
  await credentialStore(config(), 'r.example:5000').store(AUTH)
  assert.deepEqual(read(), { credsStore: 'pass', auths: { 'r.example:5000': {} } })
  write({ auths: { other: { auth: 'eDp5' } } })
  assert.equal(await credentialStore(config(), 'r.example:5000').store(AUTH), true)
})

test('names of registries', () => {
  assert.equal(authKey('docker.io'), HUB_ADDRESS)
  assert.equal(authKey('localhost:5000'), 'localhost:5000')
  for (const [address, host] of [
    ['https://r.example/v1/', 'r.example'],
    ['http://r.example:443/x', 'r.example:443'],
    ['https://r.example:443', 'r.example:443'],
    ['r.example:5000/v2', 'r.example:5000'],
    ['https://[::1]:5000/', '[::1]:5000'],
    [HUB_ADDRESS, 'index.docker.io'],
  ] as const)
    assert.equal(hostOf(address), host)
})

test('an entry under a whole URL, as files of old have it, is found by its host', async () => {
  write({ auths: { 'https://r.example/v1/': { auth: 'eDp5' } } })
  assert.equal((await credentialStore(config(), 'r.example').get('r.example')).username, 'x')
})

test('headers are base64url with padding', () => {
  assert.equal(encodeHeader({}), 'e30=')
  assert.match(encodeHeader({ password: '\u00ff\u00ffú~~~???>>>' }), /^[\w-]+=*$/)
})
