import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerConfig } from '../api/container.ts'
import type { ExecutionConfig } from '../oci/image-config.ts'
import { commandOf, mergeConfig } from './configuration.ts'

const ID = '0123456789abcdef'.repeat(4)
const IMAGE: ExecutionConfig = {
  Entrypoint: ['/entry'],
  Cmd: ['default'],
  Env: ['PATH=/image', 'A=image', 'B=image'],
  User: 'app',
  WorkingDir: '/srv',
  ExposedPorts: { '80/tcp': {} },
  Volumes: { '/data': {} },
  Labels: { from: 'image', both: 'image' },
  StopSignal: 'SIGINT',
}
const merge = (own: ContainerConfig, image: ExecutionConfig = IMAGE) => mergeConfig(own, image, ID)

/** What a request says, and what then runs of an image with an entry point and a command. */
const COMMANDS: readonly (readonly [says: string, own: ContainerConfig, command: readonly string[]])[] = [
  ['nothing', {}, ['/entry', 'default']],
  ['a command', { Cmd: ['mine'] }, ['/entry', 'mine']],
  ['an entry point: the image’s command was not meant for it', { Entrypoint: ['/mine'] }, ['/mine']],
  ['both', { Entrypoint: ['/mine'], Cmd: ['x'] }, ['/mine', 'x']],
  ['an entry point of nothing and a command', { Entrypoint: [''], Cmd: ['x'] }, ['x']],
  ['an empty entry point: the command is still the image’s', { Entrypoint: [] }, ['default']],
  ['null for both', { Entrypoint: null, Cmd: null }, ['/entry', 'default']],
]

for (const [says, own, command] of COMMANDS) {
  test(`a request that says ${says}`, () => assert.deepEqual(commandOf(merge(own)), command))
}

test('something has to be run', () => {
  const refused = { kind: 'InvalidArgument', message: 'no command specified' }
  assert.throws(() => merge({}, {}), refused)
  assert.throws(() => merge({ Entrypoint: [''] }, {}), refused)
  assert.throws(() => merge({ Entrypoint: [''] }), refused)
})

test("the request's variables come first, the image's fill in", () => {
  assert.deepEqual(merge({ Env: ['B=mine', 'C=mine'] }).Env, ['B=mine', 'C=mine', 'PATH=/image', 'A=image'])
})

test('a variable without a value takes the image’s away', () => {
  assert.deepEqual(merge({ Env: ['A', 'EMPTY='] }).Env, ['EMPTY=', 'PATH=/image', 'B=image'])
})

test('a variable without a name is refused', () => {
  assert.throws(() => merge({ Env: ['=x'] }), { kind: 'InvalidArgument', message: 'invalid environment variable: =x' })
})

test('user, directory and signal are the image’s unless said otherwise', () => {
  const { User, WorkingDir, StopSignal } = merge({})
  assert.deepEqual({ User, WorkingDir, StopSignal }, { User: 'app', WorkingDir: '/srv', StopSignal: 'SIGINT' })
  const own = { User: 'root', WorkingDir: '/', StopSignal: 'SIGKILL' }
  const merged = merge(own)
  assert.deepEqual({ User: merged.User, WorkingDir: merged.WorkingDir, StopSignal: merged.StopSignal }, own)
})

test('ports, volumes and labels add up', () => {
  const merged = merge({ ExposedPorts: { '443/tcp': {} }, Volumes: { '/more': {} }, Labels: { both: 'mine' } })
  assert.deepEqual(merged.ExposedPorts, { '80/tcp': {}, '443/tcp': {} })
  assert.deepEqual(merged.Volumes, { '/data': {}, '/more': {} })
  assert.deepEqual(merged.Labels, { from: 'image', both: 'mine' })
})

test('the host name is the beginning of the id', () => {
  assert.equal(merge({}).Hostname, '0123456789ab')
  assert.equal(merge({ Hostname: 'box' }).Hostname, 'box')
})

test('a health check takes from the image what it leaves open, zeros too', () => {
  const image = { ...IMAGE, Healthcheck: { Test: ['CMD', 'check'], Interval: 5, Retries: 3 } }
  assert.deepEqual(merge({}, image).Healthcheck, image.Healthcheck)
  assert.deepEqual(merge({ Healthcheck: { Test: [], Interval: 7, Retries: 0 } }, image).Healthcheck, {
    Test: ['CMD', 'check'],
    Interval: 7,
    Retries: 3,
  })
  assert.deepEqual(merge({ Healthcheck: { Test: ['NONE'] } }, image).Healthcheck?.Test, ['NONE'])
})
