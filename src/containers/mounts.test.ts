import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HostConfig, Mount, MountPoint } from '../api/container.ts'
import { TareError } from '../errdefs.ts'
import { mountPoint, mountRequests, mountSpecs, parseBind } from './mounts.ts'

const refused = (work: () => unknown, message: string | RegExp): void => {
  assert.throws(work, error => {
    assert.ok(error instanceof TareError)
    assert.equal(error.kind, 'InvalidArgument')
    if (typeof message === 'string') assert.equal(error.message, message)
    else assert.match(error.message, message)
    return true
  })
}

const essence = (spec: string) => {
  const { type, source, destination, readOnly, copy, propagation } = parseBind(spec)
  return { type, source, destination, readOnly, copy, propagation }
}

const BIND = { type: 'bind', source: '/host', destination: '/in', readOnly: false, copy: true, propagation: 'rprivate' }
const VOLUME = { type: 'volume', source: 'data', destination: '/in', readOnly: false, copy: true, propagation: '' }

test('-v in its forms', () => {
  assert.deepEqual(essence('/host:/in'), BIND)
  assert.deepEqual(essence('/host/:/in/'), BIND)
  assert.deepEqual(essence('/a/../host:/in/./x/..'), BIND)
  assert.deepEqual(essence('/host:/in:ro'), { ...BIND, readOnly: true })
  assert.deepEqual(essence('/host:/in:rw'), BIND)
  assert.deepEqual(essence('/host:/in:ro,rslave'), { ...BIND, readOnly: true, propagation: 'rslave' })
  assert.deepEqual(essence('data:/in'), VOLUME)
  assert.deepEqual(essence('data:/in:ro,nocopy'), { ...VOLUME, readOnly: true, copy: false })
  assert.deepEqual(essence('/in'), { ...VOLUME, source: undefined })
})

test('-v that makes no sense', () => {
  for (const spec of ['', ':', '/a:', ':/a', '/a:/b:ro:rw', 'a::b'])
    refused(() => parseBind(spec), `invalid volume specification: '${spec}'`)
  refused(() => parseBind('/a:/b:fast'), 'invalid mode: fast')
  refused(() => parseBind('/a:b'), /mount path must be absolute$/)
  refused(() => parseBind('relative'), /mount path must be absolute$/)
  for (const spec of ['/a:/', '/a:/x/..', 'data:/']) refused(() => parseBind(spec), /destination can't be '\/'$/)
  refused(() => parseBind('./a:/b'), /^create \.\/a: "\.\/a" includes invalid characters for a local volume name/)
  refused(() => parseBind('a b:/b'), /includes invalid characters/)
})

const fromMount = (mount: Partial<Mount>) =>
  mountRequests({ Mounts: [{ Type: 'volume', Target: '/in', ...mount } as Mount] }, [])

test('--mount in its forms', () => {
  const [volume] = fromMount({ Source: 'data', ReadOnly: true, VolumeOptions: { NoCopy: true, Labels: { a: 'b' } } })
  assert.deepEqual(
    { source: volume?.source, readOnly: volume?.readOnly, copy: volume?.copy, labels: volume?.labels },
    { source: 'data', readOnly: true, copy: false, labels: { a: 'b' } },
  )
  const [bind] = fromMount({ Type: 'bind', Source: '/etc' })
  assert.deepEqual(
    { source: bind?.source, createSource: bind?.createSource, propagation: bind?.propagation },
    { source: '/etc', createSource: false, propagation: 'rprivate' },
  )
  const [tmpfs] = fromMount({ Type: 'tmpfs', TmpfsOptions: { SizeBytes: 65536, Mode: 0o1770 } })
  assert.deepEqual(tmpfs?.tmpfsOptions, ['size=65536', 'mode=1770'])
})

test('--mount that makes no sense', () => {
  refused(() => fromMount({ Target: '' }), 'invalid mount config for type "volume": field Target must not be empty')
  refused(
    () => fromMount({ Target: 'in' }),
    `invalid mount config for type "volume": invalid mount path: 'in' mount path must be absolute`,
  )
  refused(
    () => fromMount({ Target: '/' }),
    `invalid mount config for type "volume": invalid specification: destination can't be '/'`,
  )
  refused(() => fromMount({ Type: 'bind' }), 'invalid mount config for type "bind": field Source must not be empty')
  refused(
    () => fromMount({ Type: 'bind', Source: '/nowhere/at/all' }),
    'invalid mount config for type "bind": bind source path does not exist: /nowhere/at/all',
  )
  refused(
    () => fromMount({ Type: 'tmpfs', Source: '/x' }),
    'invalid mount config for type "tmpfs": field Source must not be specified',
  )
  refused(() => fromMount({ Type: 'npipe' }), 'invalid mount config for type "npipe": mount type unknown')
})

test('two mounts at one place', () => {
  refused(() => mountRequests({ Binds: ['/a:/in', 'data:/in/'] }, []), 'Duplicate mount point: /in')
  refused(
    () => mountRequests({ Binds: ['/a:/in'], Mounts: [{ Type: 'volume', Target: '/in' }] }, []),
    'Duplicate mount point: /in',
  )
})

test("an image's volume gives way to what the user mounts there", () => {
  const destinations = (host: HostConfig) =>
    mountRequests(host, ['/data', '/other/']).map(({ type, destination }) => `${type} ${destination}`)
  assert.deepEqual(destinations({}), ['volume /data', 'volume /other'])
  assert.deepEqual(destinations({ Binds: ['/host:/data'] }), ['bind /data', 'volume /other'])
  assert.deepEqual(destinations({ Tmpfs: { '/data': '' } }), ['volume /other'])
})

const request = (spec: string) => parseBind(spec)

test('what inspect shows of a mount', () => {
  assert.deepEqual(mountPoint(request('data:/in:ro'), { name: 'data', path: '/vol/data' }), {
    Type: 'volume',
    Name: 'data',
    Source: '/vol/data',
    Destination: '/in',
    Driver: 'local',
    Mode: 'ro',
    RW: false,
    Propagation: '',
  })
  assert.deepEqual(mountPoint(request('/host:/in'), undefined), {
    Type: 'bind',
    Source: '/host',
    Destination: '/in',
    Mode: '',
    RW: true,
    Propagation: 'rprivate',
  })
})

const point = (more: Partial<MountPoint>): MountPoint => ({
  Type: 'bind',
  Source: '/s',
  Destination: '/d',
  Mode: '',
  RW: true,
  Propagation: 'rprivate',
  ...more,
})

test('the runtime mounts outer places before inner ones', () => {
  const specs = mountSpecs([point({ Destination: '/a/b/c' }), point({ Destination: '/a' })], {
    Tmpfs: { '/a/b': 'size=1m' },
  })
  assert.deepEqual(
    specs.map(({ destination }) => destination),
    ['/a', '/a/b', '/a/b/c'],
  )
})

test('mount options for the runtime', () => {
  const [bind] = mountSpecs([point({ RW: false, Propagation: 'rslave' })], {})
  assert.deepEqual(bind, { destination: '/d', type: 'bind', source: '/s', options: ['rbind', 'rslave', 'rro'] })
  const [tmpfs] = mountSpecs([], { Tmpfs: { '/t/': 'size=1m,exec' } })
  assert.deepEqual(tmpfs, {
    destination: '/t',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['noexec', 'nosuid', 'nodev', 'size=1m', 'exec'],
  })
  const [readOnly] = mountSpecs([point({ Type: 'tmpfs', Source: '', Mode: 'size=4096', RW: false })], {})
  assert.ok(readOnly?.options?.includes('ro'))
})

test('binds may leave the mounts below them behind, or alone', () => {
  const options = (BindOptions: Mount['BindOptions'], RW: boolean) =>
    mountSpecs([point({ RW })], { Mounts: [{ Type: 'bind', Source: '/s', Target: '/d/', BindOptions }] })[0]?.options
  assert.deepEqual(options({ NonRecursive: true }, true), ['bind', 'rprivate', 'rw'])
  assert.deepEqual(options({ ReadOnlyNonRecursive: true }, false), ['rbind', 'rprivate', 'ro'])
})
