// Connections that leave HTTP: what clients send along, and how the two directions end. With TARE_TEST_PEER the same is asked of Docker.
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { FrameDecoder } from '../../src/api/stdcopy.ts'
import { type EngineUnderTest, engineUnderTest } from '../harness/engine-under-test.ts'
import { expectStatus } from '../harness/http-client.ts'

let engine: EngineUnderTest

before(async () => {
  engine = await engineUnderTest()
})
after(() => engine[Symbol.asyncDispose]())
afterEach(async () => {
  const { body } = await engine.client.get<{ Id: string }[]>('/containers/json', { all: 1 })
  for (const { Id } of body) await engine.client.delete(`/containers/${Id}`, { force: 1 })
})

const create = async (script: string): Promise<string> => {
  const streams = { OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true }
  const body = { Image: 'busybox', Cmd: ['sh', '-c', script], ...streams, HostConfig: { NetworkMode: 'none' } }
  return expectStatus(await engine.client.post<{ Id: string }>('/containers/create', body), 201).Id
}

const query = { stream: 1, stdin: 1, stdout: 1, stderr: 1 }

test('a body that a client sends along with attach is not input; the end of the input leaves the output open', async () => {
  const id = await create('cat; sleep 0.3; echo late >&2')
  // dockerode repeats the query as a body.
  const { status, socket, head } = await engine.client.hijack(`/containers/${id}/attach`, { query, body: query })
  assert.equal(status, 101)
  expectStatus(await engine.client.post(`/containers/${id}/start`), 204)
  socket.end('input')
  const chunks: Buffer[] = [head]
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  const heard = { stdin: '', stdout: '', stderr: '', systemerr: '' }
  for (const { stream, data } of new FrameDecoder().decode(Buffer.concat(chunks))) heard[stream] += data.toString()
  assert.deepEqual(heard, { stdin: '', stdout: 'input', stderr: 'late\n', systemerr: '' })
})

test('the headers of a wait leave before the container ends', async () => {
  const id = await create('cat')
  const { socket } = await engine.client.hijack(`/containers/${id}/attach`, { query })
  const waiting = await engine.client.stream('POST', `/containers/${id}/wait`, { query: { condition: 'next-exit' } })
  assert.equal(waiting.statusCode, 200)
  expectStatus(await engine.client.post(`/containers/${id}/start`), 204)
  socket.end()
  socket.resume()
  const chunks: Buffer[] = []
  for await (const chunk of waiting) chunks.push(chunk as Buffer)
  assert.deepEqual(JSON.parse(Buffer.concat(chunks).toString()), { StatusCode: 0 })
})

test('a lot of output arrives whole, however slowly it is read', async () => {
  const id = await create('head -c 8388608 /dev/zero')
  const { socket, head } = await engine.client.hijack(`/containers/${id}/attach`, { query })
  expectStatus(await engine.client.post(`/containers/${id}/start`), 204)
  const decoder = new FrameDecoder()
  let size = 0
  const count = (chunk: Buffer) => {
    for (const { data } of decoder.decode(chunk)) size += data.length
  }
  count(head)
  for await (const chunk of socket) {
    count(chunk as Buffer)
    await new Promise(resolve => setImmediate(resolve))
  }
  assert.equal(size, 8388608)
  assert.ok(decoder.complete)
})
