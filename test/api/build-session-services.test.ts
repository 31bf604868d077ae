// What a build may ask of its client, over a session between the two sides themselves: the daemon's `SessionClient` and the command line's
// services. Builds that make use of it are tested where they are.
import assert from 'node:assert/strict'
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { duplexPair } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { after, test } from 'node:test'
import { type BuildOptions, PLAIN_BUILD } from '../../src/api/build-options.ts'
import type { ClientMessage, DaemonMessage } from '../../src/api/build-session.ts'
import type { Client } from '../../src/api/client.ts'
import { SessionLink } from '../../src/api/session-link.ts'
import { runSession, type SessionEnd } from '../../src/cli/build/run-session.ts'
import type { SessionRequest } from '../../src/cli/build/session-options.ts'
import { SessionClient } from '../../src/server/build-session/session-client.ts'
import { contextTar } from '../harness/build.ts'
import { suiteRoot } from '../harness/suite-root.ts'

const folder = mkdtempSync(join(suiteRoot(), 'services'))
after(() => rmSync(folder, { recursive: true }))
const { signal } = new AbortController()

type Sides = { readonly daemon: SessionClient; readonly ended: Promise<SessionEnd>; end(): void; vanish(): void }

const sides = async (given: Partial<SessionRequest>): Promise<Sides> => {
  const [ours, theirs] = duplexPair()
  const begun = Promise.withResolvers<BuildOptions>()
  const link: SessionLink<DaemonMessage, ClientMessage> = new SessionLink<DaemonMessage, ClientMessage>({
    input: theirs,
    output: theirs,
    onMessage: message => (message.type === 'build' ? begun.resolve(message.options) : daemon.handle(message)),
  })
  const daemon = new SessionClient(link)
  const request: SessionRequest = {
    options: PLAIN_BUILD,
    contexts: new Map(),
    secrets: new Map(),
    agents: new Map(),
    destinations: [],
    ...given,
  }
  const connected = { hijack: () => Promise.resolve({ socket: ours, multiplexed: undefined }) } as unknown as Client
  const ended = runSession(
    connected,
    request,
    {},
    {
      event: () => undefined,
      context: () => ({ sent: () => undefined, settled: () => undefined }),
      suspend: () => () => undefined,
    },
  )
  ended.catch(() => undefined)
  daemon.agents = (await begun.promise).sshAgents
  return {
    daemon,
    ended,
    end: () => link.send({ type: 'done', result: { imageId: 'i', metadata: {} } }),
    vanish: () => ours.destroy(),
  }
}

test('secrets of files and variables; one that is not there, one that is too large', async () => {
  const file = join(folder, 'secret')
  writeFileSync(file, Buffer.from([0, 1, 255]))
  writeFileSync(join(folder, 'large'), Buffer.alloc(600 * 1024))
  process.env.SESSION_SECRET = 'value'
  const { daemon, end, ended } = await sides({
    secrets: new Map([
      ['file', { id: 'file', env: undefined, file }],
      ['env', { id: 'env', env: 'SESSION_SECRET', file: '' }],
      ['unset', { id: 'unset', env: 'SESSION_UNSET', file: '' }],
      ['gone', { id: 'gone', env: undefined, file: join(folder, 'gone') }],
      ['large', { id: 'large', env: undefined, file: join(folder, 'large') }],
    ]),
  })
  assert.deepEqual(await daemon.secret('file', signal), Buffer.from([0, 1, 255]))
  assert.equal((await daemon.secret('env', signal))?.toString(), 'value')
  assert.equal(await daemon.secret('unset', signal), undefined)
  assert.equal(await daemon.secret('nobody', signal), undefined)
  await assert.rejects(daemon.secret('gone', signal), /ENOENT/)
  await assert.rejects(daemon.secret('large', signal), { message: 'secret large is too big, max size is 512000 bytes' })
  end()
  assert.equal((await ended).type, 'done')
})

test('connections to an agent, several at once, each with its own end', async () => {
  const socket = join(folder, 'agent')
  const server = createServer({ allowHalfOpen: true }, connection => {
    connection.on('data', (chunk: Buffer) => connection.write(`<${chunk.toString()}>`))
    connection.on('end', () => connection.end('bye'))
  }).listen(socket)
  try {
    const { daemon, end, ended } = await sides({
      options: { ...PLAIN_BUILD, sshAgents: ['default'] },
      agents: new Map([['default', { id: 'default', socket, keys: [] }]]),
    })
    assert.equal(await daemon.ssh('other', signal), undefined)
    const talk = async (word: string): Promise<string> => {
      const stream = await daemon.ssh('default', signal)
      assert.ok(stream)
      stream.end(word)
      let text = ''
      for await (const chunk of stream) text += String(chunk)
      return text
    }
    assert.deepEqual(await Promise.all([talk('a'), talk('b')]), ['<a>bye', '<b>bye'])
    end()
    await ended
  } finally {
    server.close()
  }
})

test('output into a file, under its name when it is whole; into a directory', async () => {
  const path = join(folder, 'deep', 'out.tar')
  const directory = join(folder, 'out')
  const { daemon, end, ended } = await sides({
    destinations: [
      { kind: 'file', path },
      { kind: 'directory', path: directory },
      { kind: 'file', path: join(folder, 'not') },
    ],
  })
  const bytes = Buffer.alloc(3_000_000, 'output')
  const first = await daemon.output(0, signal)
  first.stream.write(bytes.subarray(0, 2_000_000))
  assert.equal(existsSync(path), false)
  first.stream.write(bytes.subarray(2_000_000))
  await first.finish()
  assert.ok(readFileSync(path).equals(bytes))

  // What lies there stays, or is written over.
  mkdirSync(join(directory, 'a', 'old'), { recursive: true })
  writeFileSync(join(directory, 'top'), 'old')
  const second = await daemon.output(1, signal)
  const tar = contextTar({
    a: { directory: true },
    'a/run': { content: 'r', mode: 0o750 },
    'a/link': { link: 'run' },
    top: 't',
  })
  await pipeline([tar], second.stream, { end: false })
  await second.finish()
  assert.equal(readFileSync(join(directory, 'top'), 'utf8'), 't')
  assert.ok(existsSync(join(directory, 'a', 'old')))
  assert.equal(lstatSync(join(directory, 'a/run')).mode & 0o7777, 0o750)
  assert.ok(lstatSync(join(directory, 'a/link')).isSymbolicLink())
  assert.equal(lstatSync(join(directory, 'top')).uid, process.getuid?.())

  const third = await daemon.output(2, signal)
  third.stream.write('part')
  third.stream.destroy()
  await assert.rejects((await daemon.output(9, signal)).finish(), /failed to write the output/)
  end()
  await ended
  assert.equal(existsSync(join(folder, 'not')), false)
})

test('what cannot be written is told to the builder', async () => {
  writeFileSync(join(folder, 'plain'), '')
  const { daemon, end, ended } = await sides({
    destinations: [
      { kind: 'file', path: join(folder, 'plain', 'x') },
      { kind: 'directory', path: join(folder, 'broken') },
    ],
  })
  const output = await daemon.output(0, signal)
  await assert.rejects(output.finish(), /failed to write the output: .*(ENOTDIR|EEXIST)/)
  const broken = await daemon.output(1, signal)
  broken.stream.write('this is no archive'.repeat(100))
  await assert.rejects(broken.finish(), /failed to write the output: tar: /)
  end()
  await ended
})

test('a shell is offered only to a terminal; a client that is gone fails what is open', async () => {
  const secret = { id: 's', env: 'SESSION_SECRET', file: '' }
  const { daemon, vanish, ended } = await sides({
    secrets: new Map([['s', secret]]),
    destinations: [{ kind: 'stdout' }],
  })
  assert.equal(await daemon.shell({ step: 'RUN x', message: 'm' }, signal), undefined)
  const output = await daemon.output(0, signal)
  vanish()
  await assert.rejects(output.finish(), /failed to write the output/)
  await assert.rejects(ended, { kind: 'Unavailable' })
  await assert.rejects(daemon.secret('s', signal), { kind: 'Unavailable' })
})

test('who gives up waiting is let go', async () => {
  const { daemon, end, ended } = await sides({ options: { ...PLAIN_BUILD, sshAgents: ['default'] } })
  const stop = new AbortController()
  const reason = new Error('the step was stopped')
  stop.abort(reason)
  await assert.rejects(daemon.secret('x', stop.signal), reason)
  end()
  await ended
})
