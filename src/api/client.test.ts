import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client, ConnectionError, DaemonError } from './client.ts'
import { parseEndpoint } from './endpoint.ts'

const serve = async (listener: RequestListener, prepare: (server: Server) => void = () => undefined) => {
  const directory = mkdtempSync(join(tmpdir(), 'tare-client-'))
  const path = join(directory, 's.sock')
  const server = createServer(listener)
  prepare(server)
  await new Promise<void>(resolve => server.listen(path, resolve))
  const client = new Client(parseEndpoint(`unix://${path}`))
  return {
    client,
    server,
    [Symbol.asyncDispose]: async () => {
      client[Symbol.dispose]()
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      rmSync(directory, { recursive: true })
    },
  }
}

test('queries, JSON bodies and the connection that is used again', async () => {
  const ports = new Set<unknown>()
  await using fixture = await serve((request, response) => {
    ports.add(request.socket)
    let body = ''
    request.on('data', chunk => (body += chunk))
    request.on('end', () =>
      response.end(JSON.stringify({ url: request.url, body, type: request.headers['content-type'] })),
    )
  })
  const first = await fixture.client.post<Record<string, string>>('/x', {
    query: { a: ['1', '2'], b: undefined, c: true, d: 'ä/' },
    json: { k: 1 },
  })
  assert.deepEqual(first, { url: '/x?a=1&a=2&c=1&d=%C3%A4%2F', body: '{"k":1}', type: 'application/json' })
  await fixture.client.get('/y')
  assert.equal(ports.size, 1)
})

test('a refusal carries its status, kind and message', async () => {
  await using fixture = await serve((_, response) => {
    response.statusCode = 404
    response.end('{"message":"No such container: x"}')
  })
  await assert.rejects(fixture.client.get('/x'), (error: unknown) => {
    assert.ok(error instanceof DaemonError)
    assert.deepEqual([error.status, error.kind, error.message], [404, 'NotFound', 'No such container: x'])
    return true
  })
})

test('streams of JSON come as they are written, whatever the chunks', async () => {
  await using fixture = await serve((_, response) => {
    response.write('{"a":1}\r\n{"a"')
    setImmediate(() => response.end(':2}\n\n{"a":"ü"}'))
  })
  const seen: unknown[] = []
  for await (const message of (await fixture.client.request('GET', '/events')).messages()) seen.push(message)
  assert.deepEqual(seen, [{ a: 1 }, { a: 2 }, { a: 'ü' }])
})

test('a body is streamed in chunks, and an early refusal stops it', async () => {
  await using fixture = await serve((request, response) => {
    if (request.url === '/refuse') {
      response.statusCode = 400
      return void response.end('{"message":"no"}')
    }
    let size = 0
    request.on('data', (chunk: Buffer) => (size += chunk.length))
    request.on('end', () => response.end(String(size)))
  })
  const body = async function* () {
    for (let i = 0; i < 50; i++) yield Buffer.alloc(100_000)
  }
  assert.equal(await (await fixture.client.request('POST', '/take', { body: body() })).text(), '5000000')
  const endless = async function* () {
    for (;;) yield Buffer.alloc(100_000)
  }
  await assert.rejects(fixture.client.request('POST', '/refuse', { body: endless() }), { message: 'no' })
})

test('an upgraded connection is handed over with what came along, and stays open one way', async () => {
  await using fixture = await serve(
    () => undefined,
    server =>
      server.on('upgrade', (_, socket) => {
        socket.write(
          'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly ',
        )
        socket.on('data', (chunk: Buffer) => socket.write(chunk))
        socket.on('end', () => socket.end(' late'))
      }),
  )
  const { socket, multiplexed } = await fixture.client.hijack('/attach')
  assert.equal(multiplexed, true)
  socket.end('input')
  let text = ''
  for await (const chunk of socket) text += chunk
  assert.equal(text, 'early input late')
})

test('nobody there: the words of a user, and one chance to mend it', async () => {
  const endpoint = parseEndpoint('unix:///nonexistent/tare.sock')
  await assert.rejects(new Client(endpoint).get('/x'), (error: unknown) => {
    assert.ok(error instanceof ConnectionError)
    assert.equal(
      error.message,
      'Cannot connect to the Tare daemon at unix:///nonexistent/tare.sock. Is the tare daemon running?',
    )
    return true
  })
  let asked = 0
  const client = new Client(endpoint, { onUnreachable: async () => void asked++ })
  await assert.rejects(Promise.all([client.get('/x'), client.get('/y')]), ConnectionError)
  assert.equal(asked, 1)
})

test('waiting can be given up', async () => {
  await using fixture = await serve(() => undefined)
  const controller = new AbortController()
  const waiting = fixture.client.get('/never', {}, controller.signal)
  setImmediate(() => controller.abort())
  await assert.rejects(waiting, { name: 'AbortError' })
})
