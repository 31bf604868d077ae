import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { FrameDecoder } from '../api/stdcopy.ts'
import { conflict, notFound, notModified } from '../errdefs.ts'
import { Events } from '../events.ts'
import { silentLogger } from '../log.ts'
import { ApiServer } from './api-server.ts'
import type { AttachSession, OutputChunk } from './hijack.ts'
import type { Route } from './router.ts'
import { type ExecBackend, execRoutes } from './routes/exec.ts'
import { pluginRoutes } from './routes/plugins.ts'
import { swarmRoutes } from './routes/swarm.ts'
import { systemRoutes } from './routes/system.ts'

let folder: string
let path: string
let server: ApiServer
let events: Events
let execs: FakeExecs

/** A process that says each line of its input back, and `bye` when its input has ended. */
class FakeExecs implements ExecBackend {
  readonly log: string[] = []
  tty = false
  failure: Error | undefined

  createExec(ref: string, body: object): { Id: string } {
    this.log.push(`create ${ref} ${JSON.stringify(body)}`)
    return { Id: 'e1' }
  }

  async startExec(id: string, options: object): Promise<AttachSession | undefined> {
    this.log.push(`start ${id} ${JSON.stringify(options)}`)
    if (this.failure) throw this.failure
    if ((options as { detach: boolean }).detach) return undefined
    const queue: OutputChunk[] = [{ stream: 'stderr', data: Buffer.from('ready\n') }]
    let ended = false
    let wake = () => {}
    const output = async function* () {
      for (;;) {
        const next = queue.shift()
        if (next) yield next
        else if (ended) return
        else
          await new Promise<void>(resolve => {
            wake = resolve
          })
      }
    }
    return {
      tty: this.tty,
      output: output(),
      write: async chunk => {
        queue.push({ stream: 'stdout', data: Buffer.from(`<${chunk}>`) })
        wake()
      },
      closeInput: () => {
        queue.push({ stream: 'stdout', data: Buffer.from('bye\n') })
        ended = true
        wake()
      },
      detach: () => {
        this.log.push('detached')
        ended = true
        wake()
      },
    }
  }

  inspectExec(id: string) {
    if (id !== 'e1') throw notFound(`No such exec instance: ${id}`)
    const processConfig = { tty: this.tty, entrypoint: 'x', arguments: [], privileged: false }
    const flags = { OpenStdin: true, OpenStderr: true, OpenStdout: true, CanRemove: false }
    return {
      ID: id,
      Running: false,
      ExitCode: null,
      ProcessConfig: processConfig,
      ContainerID: 'c',
      DetachKeys: '',
      Pid: 0,
      ...flags,
    }
  }

  async resizeExec(id: string, height: number, width: number): Promise<void> {
    this.log.push(`resize ${id} ${height} ${width}`)
  }
}

const probes: readonly Route[] = [
  { method: 'POST', path: '/probe/body', handler: async context => context.json(await context.readJson()) },
  {
    method: 'GET',
    path: '/probe/conflict',
    handler: () => {
      throw conflict('taken')
    },
  },
  {
    method: 'GET',
    path: '/probe/unmodified',
    handler: () => {
      throw notModified('it is so')
    },
  },
  {
    method: 'GET',
    path: '/probe/stream',
    handler: context =>
      context.streamJson(async stream => {
        stream.write({ status: 'one' })
        throw new Error('broken')
      }),
  },
  {
    method: 'GET',
    path: '/probe/for-ever',
    handler: context => {
      context.response.flushHeaders()
      return new Promise((_, reject) => context.signal.addEventListener('abort', () => reject(context.signal.reason)))
    },
  },
]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tare-server-'))
  path = join(folder, 's')
  events = new Events()
  execs = new FakeExecs()
  const nothing = () => []
  const usage = {
    stored: () => ({ layers: 0, blobs: 0 }),
    images: nothing,
    containers: nothing,
    volumes: nothing,
    buildCache: nothing,
  }
  server = new ApiServer({
    routes: [
      ...systemRoutes({ events, info: () => ({}), version: () => ({}), usage, check: async () => {} }),
      ...execRoutes(execs),
      ...swarmRoutes(),
      ...pluginRoutes(),
      ...probes,
    ],
    logger: silentLogger(),
    product: 'Tare/test (linux)',
  })
  await server.listen({ path })
})
afterEach(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

type Answer = { status: number; headers: NodeJS.Dict<string | string[]>; text: string }

const ask = (method: string, url: string, body?: string, headers: Record<string, string> = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const type = body === undefined ? {} : { 'Content-Type': 'application/json' }
    const sent = httpRequest({ socketPath: path, method, path: url, headers: { ...type, ...headers }, agent: false })
    sent.once('error', reject)
    sent.once('response', async response => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk as Buffer)
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString() })
    })
    sent.end(body)
  })

const message = ({ status, text }: Answer) => ({ status, message: JSON.parse(text).message as string })

test('_ping, with the headers that clients read', async () => {
  const { status, headers, text } = await ask('GET', '/_ping')
  assert.deepEqual([status, text], [200, 'OK'])
  assert.equal(headers['api-version'], '1.52')
  assert.equal(headers.ostype, 'linux')
  assert.equal(headers['docker-experimental'], 'false')
  assert.equal(headers['builder-version'], '1')
  assert.equal(headers.server, 'Tare/test (linux)')
  const head = await ask('HEAD', '/_ping')
  assert.deepEqual([head.status, head.text, head.headers['content-length']], [200, '', '0'])
})

test('versions', async () => {
  for (const version of ['v1.24', 'v1.41', 'v1.52'])
    assert.equal((await ask('GET', `/${version}/info`)).status, 200, version)
  assert.deepEqual(message(await ask('GET', '/v1.99/info')), {
    status: 400,
    message: 'client version 1.99 is too new. Maximum supported API version is 1.52',
  })
  const old = await ask('GET', '/v1.10/info')
  assert.deepEqual([old.status, old.headers['content-type']], [400, 'text/plain; charset=utf-8'])
  assert.equal(
    old.text.trim(),
    'client version 1.10 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version',
  )
})

test('what is not there', async () => {
  for (const [method, url] of [
    ['GET', '/nope'],
    ['POST', '/info'],
    ['GET', '/v1.52/nope'],
    ['GET', '/vx/info'],
  ] as const) {
    assert.deepEqual(message(await ask(method, url)), { status: 404, message: 'page not found' }, url)
  }
})

test('errors become statuses', async () => {
  assert.deepEqual(message(await ask('GET', '/probe/conflict')), { status: 409, message: 'taken' })
  const { status, text } = await ask('GET', '/probe/unmodified')
  assert.deepEqual([status, text], [304, ''])
  const swarm = message(await ask('GET', '/services'))
  assert.equal(swarm.status, 503)
  assert.match(swarm.message, /^This node is not a swarm manager\./)
  assert.equal((await ask('GET', '/plugins')).text, '[]\n')
})

test('bodies that are no JSON, in the words of Docker', async () => {
  const refusal = async (body: string | undefined, headers?: Record<string, string>) =>
    message(await ask('POST', '/probe/body', body, headers)).message
  assert.equal(await refusal(undefined), 'invalid JSON: got EOF while reading request body')
  assert.equal(await refusal('{'), 'invalid JSON: unexpected EOF')
  assert.equal(await refusal('{"a":tru'), 'invalid JSON: unexpected EOF')
  assert.equal(await refusal('{}x'), 'unexpected content after JSON')
  assert.equal(await refusal('abc'), "invalid JSON: invalid character 'a' looking for beginning of value")
  assert.equal(await refusal('{x}'), "invalid JSON: invalid character 'x' looking for beginning of object key string")
  assert.equal(await refusal('{"a" 1}'), "invalid JSON: invalid character '1' after object key")
  assert.equal(
    await refusal('{}', { 'Content-Type': 'text/plain' }),
    "unsupported Content-Type header (text/plain): must be 'application/json'",
  )
  assert.equal((await ask('POST', '/probe/body', '{"a":1}')).text, '{"a":1}\n')
})

test('a body that is too large is refused', async () => {
  assert.deepEqual(message(await ask('POST', '/probe/body', `"${'x'.repeat(5 * 1024 * 1024)}"`)), {
    status: 400,
    message: 'invalid JSON: http: request body too large',
  })
})

test('a failure after the first object of a stream is told inside it', async () => {
  const { status, text } = await ask('GET', '/probe/stream')
  assert.equal(status, 200)
  assert.deepEqual(
    text
      .trim()
      .split('\r\n')
      .map(line => JSON.parse(line)),
    [{ status: 'one' }, { errorDetail: { message: 'broken' }, error: 'broken' }],
  )
})

const open = async (): Promise<Socket> => {
  const socket = connect({ path, allowHalfOpen: true })
  await once(socket, 'connect')
  return socket
}

const readAll = async (socket: Socket): Promise<{ head: string; body: Buffer }> => {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  const all = Buffer.concat(chunks)
  const end = all.indexOf('\r\n\r\n')
  return { head: all.toString('latin1', 0, end), body: all.subarray(end + 4) }
}

const START = 'POST /v1.50/exec/e1/start HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n'
const JSON_BODY = '{"Detach":false,"Tty":false}'

const framesOf = (body: Buffer) =>
  new FrameDecoder().decode(body).map(({ stream, data }) => `${stream}:${data.toString()}`)

test('exec: the connection is upgraded, the body is not input, a half-close ends the input and leaves the output open', async () => {
  const socket = await open()
  // Headers, body and the first input in one packet.
  socket.write(`${START}Content-Type: application/json\r\nContent-Length: ${JSON_BODY.length}\r\n\r\n${JSON_BODY}first`)
  socket.end()
  const { head, body } = await readAll(socket)
  assert.match(head, /^HTTP\/1\.1 101 UPGRADED\r\n/)
  assert.match(head, /Content-Type: application\/vnd\.docker\.multiplexed-stream/)
  assert.match(head, /Connection: Upgrade\r\nUpgrade: tcp/)
  assert.deepEqual(framesOf(body), ['stderr:ready\n', 'stdout:<first>', 'stdout:bye\n'])
  assert.deepEqual(execs.log, ['start e1 {"detach":false}'])
})

test('exec: a body in pieces, and one in chunks', async () => {
  const pieces = await open()
  pieces.write(
    `${START}Content-Type: application/json\r\nContent-Length: ${JSON_BODY.length}\r\n\r\n${JSON_BODY.slice(0, 5)}`,
  )
  await new Promise(resolve => setImmediate(resolve))
  pieces.write(JSON_BODY.slice(5))
  pieces.end()
  assert.deepEqual(framesOf((await readAll(pieces)).body), ['stderr:ready\n', 'stdout:bye\n'])

  const chunked = await open()
  const size = JSON_BODY.length.toString(16)
  chunked.write(`${START}Transfer-Encoding: chunked\r\n\r\n${size}\r\n${JSON_BODY}\r\n0\r\n\r\nmore`)
  chunked.end()
  assert.deepEqual(framesOf((await readAll(chunked)).body), ['stderr:ready\n', 'stdout:<more>', 'stdout:bye\n'])
})

test('exec: a terminal is one raw stream, and so are two streams for old clients', async () => {
  execs.tty = true
  const socket = await open()
  const body = '{"Tty":true}'
  socket.end(`${START}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  const answer = await readAll(socket)
  assert.match(answer.head, /Content-Type: application\/vnd\.docker\.raw-stream/)
  assert.equal(answer.body.toString(), 'ready\nbye\n')
  const old = await open()
  old.end(`${START.replace('1.50', '1.41')}\r\n`)
  assert.match((await readAll(old)).head, /Content-Type: application\/vnd\.docker\.raw-stream/)
})

test('exec: clients that do not ask for an upgrade get 200, and their body is the JSON', async () => {
  const socket = await open()
  socket.write(
    `POST /exec/e1/start HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: ${JSON_BODY.length}\r\n\r\n${JSON_BODY}`,
  )
  const { head, body } = await readAll(socket)
  assert.match(head, /^HTTP\/1\.1 200 OK\r\n/)
  assert.match(head, /Content-Type: application\/vnd\.docker\.raw-stream/)
  assert.deepEqual(framesOf(body), ['stderr:ready\n', 'stdout:bye\n'])
  socket.destroy()
})

test('exec: what fails before the start has a status, what fails in it is told on the stream', async () => {
  const unknown = await open()
  unknown.end(`${START.replace('e1', 'nope')}\r\n`)
  const { head, body } = await readAll(unknown)
  assert.match(head, /^HTTP\/1\.1 404 /)
  assert.deepEqual(JSON.parse(body.toString()), { message: 'No such exec instance: nope' })
  execs.failure = new Error('exec failed: no such program')
  const failing = await open()
  failing.end(`${START}\r\n`)
  assert.deepEqual(framesOf((await readAll(failing)).body), ['stdout:exec failed: no such program\r\n'])
})

test('exec: a client that goes away lets go of the process', async () => {
  const socket = await open()
  socket.write(`${START}\r\n`)
  await once(socket, 'data')
  await server.close(0)
  while (!execs.log.includes('detached')) await new Promise(resolve => setImmediate(resolve))
  socket.destroy()
})

test('a detached exec, its size, its creation', async () => {
  assert.deepEqual((await ask('POST', '/exec/e1/start', '{"Detach":true}')).status, 200)
  assert.equal((await ask('POST', '/exec/e1/resize?h=24&w=80')).status, 200)
  assert.deepEqual(message(await ask('POST', '/exec/e1/resize?h=1&w=x')), {
    status: 400,
    message: 'invalid resize width "x": invalid syntax',
  })
  assert.deepEqual(message(await ask('POST', '/containers/c/exec', '{}')), {
    status: 400,
    message: 'No exec command specified',
  })
  assert.equal((await ask('POST', '/containers/c/exec', '{"Cmd":["ls"]}')).status, 201)
  assert.deepEqual(execs.log, ['start e1 {"detach":true}', 'resize e1 24 80', 'create c {"Cmd":["ls"]}'])
})

test('events: what was, what comes, and an end', async () => {
  events.publish('volume', 'create', 'before')
  const until = (Date.now() + 400) / 1000
  const answering = ask('GET', `/v1.51/events?since=0&until=${until}`)
  while (events.listeners === 0) await new Promise(resolve => setImmediate(resolve))
  events.publish('volume', 'create', 'after')
  const { text } = await answering
  const ids = text
    .trim()
    .split(/\r?\n/)
    .map(line => JSON.parse(line).Actor.ID)
  assert.deepEqual(ids, ['before', 'after'])
  assert.equal(events.listeners, 0)
  assert.deepEqual(message(await ask('GET', '/events?since=10&until=1')), {
    status: 400,
    message: '`since` time (10) cannot be after `until` time (1)',
  })
})

test('a connection serves many requests', async () => {
  const socket = await open()
  const one = 'GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n'
  socket.end(one + one + one.replace('Host: d\r\n', 'Host: d\r\nConnection: close\r\n'))
  const { head, body } = await readAll(socket)
  assert.equal(`${head}${body}`.match(/HTTP\/1\.1 200/g)?.length, 3)
})

test('closing ends what would go on for ever, at once', async () => {
  const socket = await open()
  socket.write('GET /probe/for-ever HTTP/1.1\r\nHost: d\r\n\r\n')
  await once(socket, 'data')
  const idle = await open()
  const before = Date.now()
  await server.close(10_000)
  assert.ok(Date.now() - before < 5_000)
  socket.destroy()
  idle.destroy()
})
