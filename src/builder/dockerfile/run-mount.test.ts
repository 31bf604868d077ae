import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseMountSpec, type RunMount, resolveMount } from './run-mount.ts'

const values: Record<string, string> = { HOME: '/root', T: 'cache', N: '5' }
const mount = (text: string): RunMount =>
  resolveMount(parseMountSpec(text), value => value.replace(/\$(\w+)/g, (_, name) => values[name] ?? ''))
const ownership = { mode: undefined, uid: undefined, gid: undefined }

// https://docs.docker.com/reference/dockerfile/#run---mount
for (const [text, expected] of [
  ['target=/a', { type: 'bind', from: undefined, source: '', target: '/a', readOnly: true }],
  ['type=bind,from=x,src=/s,dst=a,rw', { type: 'bind', from: 'x', source: '/s', target: 'a', readOnly: false }],
  ['readwrite=false,destination=/a', { type: 'bind', from: undefined, source: '', target: '/a', readOnly: true }],
  [
    'type=$T,target=$HOME/.cache,uid=$N,mode=0750,sharing=LOCKED',
    {
      type: 'cache',
      id: '/root/.cache',
      from: undefined,
      source: '',
      target: '/root/.cache',
      readOnly: false,
      sharing: 'locked',
      mode: 0o750,
      uid: 5,
      gid: undefined,
    },
  ],
  ['type=tmpfs,target=/t,size=1.5k', { type: 'tmpfs', target: '/t', readOnly: false, size: 1536 }],
  [
    'type=secret,target=/a/b',
    { type: 'secret', id: 'b', target: '/a/b', env: undefined, required: false, ...ownership },
  ],
  [
    'type=secret,id=x',
    { type: 'secret', id: 'x', target: '/run/secrets/x', env: undefined, required: false, ...ownership },
  ],
  [
    'type=secret,id=x,env=X,required',
    { type: 'secret', id: 'x', target: undefined, env: 'X', required: true, ...ownership },
  ],
  [
    'type=secret,id=x,env=X,target=/f',
    { type: 'secret', id: 'x', target: '/f', env: 'X', required: false, ...ownership },
  ],
  ['type=ssh', { type: 'ssh', id: 'default', target: undefined, required: false, ...ownership }],
  [
    'type=ssh,id=a,required=true,gid=7',
    { type: 'ssh', id: 'a', target: undefined, required: true, ...ownership, gid: 7 },
  ],
  ['"target=/a,b",ro', { type: 'bind', from: undefined, source: '', target: '/a,b', readOnly: true }],
] as const) {
  test(text, () => assert.deepEqual(mount(text), expected))
}

test('what holds variables is checked when they are known', () => {
  assert.deepEqual(parseMountSpec('type=$X,from=s'), { text: 'type=$X,from=s', from: 's' })
  assert.throws(() => mount('type=$X,target=/a'), { message: 'unsupported mount type ""' })
})
