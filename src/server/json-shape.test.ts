import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CREATE_SHAPE, checkShape, EXEC_SHAPE } from './json-shape.ts'

const refused = (body: unknown, message: string) =>
  assert.throws(() => checkShape(body, CREATE_SHAPE, 'container.CreateRequest'), {
    message: `invalid JSON: ${message}`,
  })

test('what the engine counts on is held against its type, in the words of Go', () => {
  refused([], 'json: cannot unmarshal array into Go value of type container.CreateRequest')
  refused({ Image: 3 }, 'json: cannot unmarshal number into Go struct field .Image of type string')
  refused({ Env: [1] }, 'json: cannot unmarshal number into Go struct field .Env.0 of type string')
  refused({ Tty: 'x' }, 'json: cannot unmarshal string into Go struct field .Tty of type bool')
  refused(
    { HostConfig: { Memory: 'x' } },
    'json: cannot unmarshal string into Go struct field .HostConfig.Memory of type int64',
  )
  refused(
    { HostConfig: { PortBindings: { '80/tcp': [{ HostPort: 80 }] } } },
    'json: cannot unmarshal number into Go struct field .HostConfig.PortBindings.80~1tcp.0.HostPort of type string',
  )
})

test('null is no value, a single word may stand for a list, unknown fields pass', () => {
  checkShape({ Image: null, Cmd: 'sh', HostConfig: null, New: 1 }, CREATE_SHAPE, 'container.CreateRequest')
  checkShape({ HostConfig: { CapAdd: 'ALL', Binds: null } }, CREATE_SHAPE, 'container.CreateRequest')
  assert.throws(() => checkShape({ Cmd: 'sh' }, EXEC_SHAPE, 'container.ExecOptions'))
})
