import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ErrorKind } from '../errdefs.ts'
import type { Lifecycle } from './container.ts'
import { refusal, type Verb } from './state.ts'

type Status = Lifecycle['status']

const STATUSES: readonly Status[] = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead']
const VERBS: readonly Verb[] = [
  'start',
  'stop',
  'kill',
  'pause',
  'unpause',
  'remove',
  'exec',
  'attach',
  'resize',
  'top',
]

/** The states in which a verb is let through; in all others it is refused. `removing` is left to each verb's own check. */
const ALLOWED: Readonly<Record<Verb, readonly Status[]>> = {
  start: ['created', 'exited', 'restarting'],
  stop: ['running', 'paused', 'restarting'],
  kill: ['running', 'paused', 'restarting'],
  pause: ['running'],
  unpause: ['paused'],
  remove: ['created', 'exited', 'dead'],
  exec: ['running'],
  attach: ['created', 'running', 'exited', 'dead'],
  resize: ['running', 'paused'],
  top: ['running', 'paused'],
}

for (const verb of VERBS) {
  test(`${verb} is for ${ALLOWED[verb].join(', ')}`, () => {
    const open = STATUSES.filter(
      status => status !== 'removing' && refusal(verb, status, 'ID', 'REFERENCE') === undefined,
    )
    assert.deepEqual(new Set(open), new Set(ALLOWED[verb]))
  })
}

const WORDS: readonly (readonly [verb: Verb, status: Status, kind: ErrorKind, message: string])[] = [
  ['start', 'running', 'NotModified', ''],
  ['start', 'paused', 'Conflict', 'cannot start a paused container, try unpause instead'],
  ['start', 'dead', 'Conflict', 'container is marked for removal and cannot be started'],
  ['stop', 'exited', 'NotModified', ''],
  ['stop', 'created', 'NotModified', ''],
  ['kill', 'exited', 'Conflict', 'cannot kill container: REFERENCE: container ID is not running'],
  ['pause', 'exited', 'Conflict', 'container ID is not running'],
  ['pause', 'paused', 'Conflict', 'Container ID is already paused'],
  ['unpause', 'running', 'Conflict', 'Container ID is not paused'],
  [
    'remove',
    'running',
    'Conflict',
    'cannot remove container "REFERENCE": container is running: stop the container before removing or force remove',
  ],
  [
    'remove',
    'paused',
    'Conflict',
    'cannot remove container "REFERENCE": container is paused and must be unpaused first',
  ],
  ['exec', 'exited', 'Conflict', 'container ID is not running'],
  ['exec', 'paused', 'Conflict', 'Container ID is paused, unpause the container before exec'],
  ['attach', 'paused', 'Conflict', 'container REFERENCE is paused, unpause the container before attach'],
]

for (const [verb, status, kind, message] of WORDS) {
  test(`${verb} of one that is ${status} is refused in Docker's words`, () => {
    const error = refusal(verb, status, 'ID', 'REFERENCE')
    assert.deepEqual({ kind: error?.kind, message: error?.message }, { kind, message })
  })
}
