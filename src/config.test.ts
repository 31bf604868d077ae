import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type Config, loadConfig, reloadConfig } from './config.ts'
import { helpText } from './config-flags.ts'
import { OPTIONS } from './config-options.ts'

const folder = mkdtempSync(join(tmpdir(), 'tare-config-'))
after(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'daemon.json')

const load = (json: string, ...flags: string[]): Config => {
  writeFileSync(file, json)
  const invocation = loadConfig(['--config-file', file, ...flags], {})
  assert.equal(invocation.action, 'run')
  return (invocation as { config: Config }).config
}
const refused = (json: string, flags: readonly string[], message: string) =>
  assert.throws(() => load(json, ...flags), { message })
const merged = `unable to configure the Docker daemon with file ${file}:`
const validation = `${merged} merged configuration validation from file and command line flags failed:`

test('defaults', () => {
  const config = load('{}')
  assert.equal(config.dataRoot, '/var/lib/tare')
  assert.deepEqual(config.hosts, ['unix:///run/tare/tare.sock'])
  assert.equal(config.pidfile, '/run/tare/tare.pid')
  assert.equal(config.defaultShmSize, 64 * 1024 * 1024)
  assert.equal(config.logLevel, 'info')
})

test('what builds may be granted', () => {
  assert.deepEqual(load('{}').buildEntitlements, ['network.host'])
  const both = ['network.host', 'security.insecure']
  assert.deepEqual(load('{}', '--allow-insecure-entitlement=security.insecure').buildEntitlements, both)
  const entitlements = { 'network-host': false, 'security-insecure': true }
  assert.deepEqual(load(JSON.stringify({ builder: { entitlements } })).buildEntitlements, ['security.insecure'])
  assert.throws(() => load('{"builder": {"gc": {}}}'), /builder\.gc is not supported/)
  assert.throws(() => load('{"builder": {"entitlements": {"x": true}}}'), /unknown entitlement x/)
})

test('flags in all their forms', () => {
  const config = load(
    '',
    ...['-D', '-lwarn', '-H', 'unix:///a', '--host=tcp://:99', '--icc=false', '--default-shm-size', '1g'],
    ...['--default-address-pool', 'base=10.0.0.0/8,size=24', '--default-ulimit', 'nofile=5:9', '--exec-root', '/x'],
    ...['--add-runtime', 'kata=/usr/bin/kata', '--log-opt', 'max-size=1m'],
  )
  assert.deepEqual(config.hosts, ['unix:///a', 'tcp://127.0.0.1:99'])
  assert.deepEqual([config.debug, config.logLevel, config.icc], [true, 'warn', false])
  assert.equal(config.defaultShmSize, 2 ** 30)
  assert.deepEqual(config.defaultAddressPools, [{ base: '10.0.0.0/8', size: 24 }])
  assert.deepEqual(config.defaultUlimits, { nofile: { Name: 'nofile', Soft: 5, Hard: 9 } })
  assert.deepEqual(config.runtimes, { kata: { path: '/usr/bin/kata', runtimeArgs: [] } })
  assert.deepEqual(config.logOpts, { 'max-size': '1m' })
  assert.equal(config.pidfile, '/x/tare.pid')
})

test('the file', () => {
  const config = load(
    '{"debug":true,"labels":["a=b"],"default-shm-size":"128m","runtimes":{"x":{"path":"/x","runtimeArgs":["-v"]}},"default-runtime":"x","userland-proxy":false}',
  )
  assert.equal(config.debug, true)
  assert.equal(config.logLevel, 'debug')
  assert.equal(config.defaultShmSize, 128 * 1024 * 1024)
  assert.deepEqual(config.runtimes, { x: { path: '/x', runtimeArgs: ['-v'] } })
})

test('what dockerd refuses, in its words', () => {
  refused('{"foo":1,"bar":2}', [], `${merged} the following directives don't match any configuration option: foo, bar`)
  refused(
    '{"hosts":["unix:///x"],"debug":true}',
    ['-D', '-H', 'unix:///y'],
    `${merged} the following directives are specified both as a flag and in the configuration file: debug: (from flag: true, from file: true), hosts: (from flag: [unix:///y], from file: [unix:///x])`,
  )
  refused(
    '{"mtu":"x"}',
    [],
    `${merged} invalid JSON: json: cannot unmarshal string into Go struct field Config.mtu of type int`,
  )
  refused('{"log-level":"foo"}', [], `${validation} invalid logging level: foo`)
  refused('{"labels":["x"]}', [], `${merged} invalid JSON: bad attribute format: x`)
  refused('{"labels":["a=b","a=c"]}', [], 'conflict labels for a=c and a=b')
  refused('{"mtu":-1}', [], `${validation} invalid default MTU: -1`)
  refused('{}', ['--mtu', 'x'], 'invalid argument "x" for "--mtu" flag: strconv.ParseInt: parsing "x": invalid syntax')
  refused(
    '{}',
    ['--debug=x'],
    'invalid argument "x" for "-D, --debug" flag: strconv.ParseBool: parsing "x": invalid syntax',
  )
  refused(
    '{}',
    ['--default-ulimit', 'nofile=3:2'],
    'invalid argument "nofile=3:2" for "--default-ulimit" flag: ulimit soft limit must be less than or equal to hard limit: 3 > 2',
  )
  refused('{}', ['--mtu'], 'flag needs an argument: --mtu')
  refused('{}', ['--nope'], 'unknown flag: --nope')
  refused('{}', ['-x'], "unknown shorthand flag: 'x' in -x")
  assert.throws(() => loadConfig(['--config-file', '/no/such'], {}), {
    message: 'unable to configure the Docker daemon with file /no/such: open /no/such: no such file or directory',
  })
})

test('what Tare does not have is refused, not overheard', () => {
  refused('{"userns-remap":"default"}', [], `${validation} userns-remap is not supported by Tare`)
  load('{"userns-remap":"","selinux-enabled":false}')
})

test('help and validation do not run', () => {
  assert.equal(loadConfig(['--help']).action, 'help')
  assert.equal(loadConfig(['-v']).action, 'version')
  writeFileSync(file, '{}')
  assert.equal(loadConfig(['--validate', '--config-file', file], {}).action, 'validate')
  for (const { flag } of OPTIONS) assert.ok(helpText().includes(`--${flag}`), flag)
})

test('a reload changes what may change, and nothing else', () => {
  const config = load('{"labels":["a=1"],"mtu":1400}')
  const changed = reloadConfig(config, load('{"labels":["a=2"],"mtu":9000,"debug":true}'))
  assert.deepEqual([...changed].sort(), ['debug', 'labels', 'logLevel'])
  assert.deepEqual([config.labels, config.mtu, config.logLevel], [['a=2'], 1400, 'debug'])
})

test('proxies stand together or by themselves', () => {
  const { httpProxy, noProxy } = load('{"proxies":{"http-proxy":"http://p:1","no-proxy":"a,b"}}')
  assert.deepEqual([httpProxy, noProxy], ['http://p:1', 'a,b'])
  assert.equal(load('{"https-proxy":"http://p:2"}').httpsProxy, 'http://p:2')
  assert.throws(() => load('{"proxies":{"ftp-proxy":""}}'), /don't match any configuration option: ftp-proxy/)
  assert.throws(() => load('{"proxies":1}'), /"proxies" must be an object/)
})

test('a mirror is one of docker.io, or of the registry that is named before it', () => {
  const { registryMirrors } = load(
    '{"registry-mirrors":["https://m.example/","ghcr.io=https://m.example/ghcr","r:5000=http://m"]}',
  )
  assert.deepEqual(registryMirrors, ['https://m.example/', 'ghcr.io=https://m.example/ghcr', 'r:5000=http://m'])
  for (const [mirror, words] of [
    ['m.example', "no scheme specified for \"m.example\": must use either 'https://' or 'http://'"],
    ['ghcr.io=m.example', "no scheme specified for \"m.example\": must use either 'https://' or 'http://'"],
    ['ftp://m', 'unsupported scheme "ftp" in "ftp://m": must use either'],
    ['https://m?x=1', 'query or fragment at end of the URI "https://m?x=1"'],
    ['ghcr.io=https://u:secret@m', 'username/password not allowed in URI "https://xxxxx@m/"'],
  ] as const) {
    assert.throws(
      () => load('{}', `--registry-mirror=${mirror}`),
      (error: Error) => error.message.includes(words),
    )
  }
})

test('a duration is Go’s', () => {
  assert.equal(load('{}').registryTimeout, 30_000)
  assert.equal(load('{"registry-timeout":"1m1.5s"}').registryTimeout, 61_500)
  assert.equal(load('{}', '--registry-timeout=250ms').registryTimeout, 250)
  assert.throws(() => load('{}', '--registry-timeout=5'), /time: invalid duration "5"/)
  assert.throws(() => load('{}', '--registry-timeout=0s'), /invalid registry timeout: 0/)
})

test('when images go by themselves: as an object of the file, as a flag, and not at all', () => {
  assert.equal(load('{}').imageGc, undefined)
  const day = 24 * 3_600_000
  assert.deepEqual(load('{"image-gc":{"high":"20GB","low":"15g","keep":3,"minAge":"36h","interval":"30m"}}').imageGc, {
    high: 20 * 2 ** 30,
    low: 15 * 2 ** 30,
    keep: 3,
    minAge: 1.5 * day,
    interval: 1_800_000,
  })
  assert.deepEqual(load('{}', '--image-gc', 'keep=2,minAge=1h30m').imageGc, {
    high: undefined,
    low: undefined,
    keep: 2,
    minAge: 5_400_000,
    interval: 3_600_000,
  })
  assert.equal(load('{"image-gc":{"high":1000}}').imageGc?.minAge, day)
  refused(
    '{"image-gc":{"high":"1GB","low":"2GB"}}',
    [],
    `${merged} invalid JSON: image-gc: low (2147483648 bytes) is above high (1073741824 bytes)`,
  )
  refused('{"image-gc":{"kep":1}}', [], `${merged} invalid JSON: image-gc: unknown key "kep"`)
  refused('{"image-gc":{"keep":0}}', [], `${merged} invalid JSON: image-gc: keep must be at least 1: 0`)
  refused(
    '{"image-gc":{"minAge":3}}',
    [],
    `${merged} invalid JSON: json: cannot unmarshal number into Go struct field Config.image-gc.minAge of type string`,
  )
})

test('a reload takes over when images go', () => {
  const config = load('{}')
  assert.deepEqual(reloadConfig(config, load('{"image-gc":{"keep":1}}')), ['imageGc'])
  assert.equal(config.imageGc?.keep, 1)
})
