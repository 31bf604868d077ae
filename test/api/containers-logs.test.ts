// Logs: which lines, of which stream, from when to when, and following.
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { after, before, test } from 'node:test'
import { FrameDecoder } from '../../src/api/stdcopy.ts'
import { ContainerBench, sh } from '../harness/container-bench.ts'
import { until } from '../harness/daemon.ts'

let bench: ContainerBench
before(async () => {
  bench = await ContainerBench.start()
  id = await bench.run({
    Cmd: sh('echo one; sleep 0.05; echo two >&2; sleep 0.05; echo three; sleep 0.05; printf four'),
  })
  await bench.wait(id)
})
after(() => bench[Symbol.asyncDispose]())

let id: string

const logs = async (query: Record<string, string | number>) => {
  const { stdout, stderr } = await bench.logs(id, query)
  return [stdout, stderr]
}

test('both streams, or one', async () => {
  assert.deepEqual(await logs({}), ['one\nthree\nfour', 'two\n'])
  assert.deepEqual(await logs({ stderr: 0 }), ['one\nthree\nfour', ''])
  assert.deepEqual(await logs({ stdout: 0 }), ['', 'two\n'])
  await bench.refused(
    bench.client.get(`/containers/${id}/logs`),
    400,
    'Bad parameters: you must choose at least one stream',
  )
})

test('the last so many lines', async () => {
  assert.deepEqual(await logs({ tail: 1 }), ['four', ''])
  assert.deepEqual(await logs({ tail: 3 }), ['three\nfour', 'two\n'])
  assert.deepEqual(await logs({ tail: 0 }), ['', ''])
  for (const tail of ['all', 'x', -1, 99])
    assert.deepEqual(await logs({ tail }), ['one\nthree\nfour', 'two\n'], String(tail))
})

test('timestamps, and the lines between two of them', async () => {
  const [text = ''] = await logs({ timestamps: 1, stderr: 0 })
  const lines = text.split('\n')
  assert.deepEqual(
    lines.map(line => line.replace(/^\S+ /, '')),
    ['one', 'three', 'four'],
  )
  const times = lines.map(line => line.split(' ')[0] ?? '')
  for (const time of times) assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/)
  // Times in a request are seconds since the epoch.
  const [, three = ''] = times.map(time => `${Date.parse(`${time.slice(0, 19)}Z`) / 1000}${time.slice(19, 29)}`)
  assert.deepEqual(await logs({ since: three }), ['three\nfour', ''])
  assert.deepEqual(await logs({ until: three, stderr: 0 }), ['one\nthree\n', ''])
  const seconds = (Number(three) - 0.02).toFixed(6)
  assert.deepEqual(await logs({ since: seconds }), ['three\nfour', ''])
  assert.deepEqual(await logs({ since: Math.floor(Date.now() / 1000) + 3600 }), ['', ''])
  await bench.refused(
    bench.client.get(`/containers/${id}/logs`, { stdout: 1, since: 'yesterday' }),
    500,
    'strconv.ParseInt: parsing "yesterday": invalid syntax',
  )
})

test('a terminal’s log is one raw stream', async () => {
  const tty = await bench.run({ Cmd: sh('echo out; echo err >&2'), Tty: true })
  await bench.wait(tty)
  const answer = await bench.client.get(`/containers/${tty}/logs`, { stdout: 1, stderr: 1 })
  assert.equal(answer.headers['content-type'], 'application/vnd.docker.raw-stream')
  assert.equal(answer.text, 'out\r\nerr\r\n')
  await bench.remove(tty)
})

/** What a follower has got, and whether it was told the end. */
const follow = async (
  container: string,
  query: Record<string, string | number> = {},
): Promise<{ text: string; ended: boolean; answer: IncomingMessage }> => {
  const answer = await bench.client.stream('GET', `/containers/${container}/logs`, {
    query: { stdout: 1, stderr: 1, follow: 1, ...query },
  })
  const state = { text: '', ended: false, answer }
  const decoder = new FrameDecoder()
  answer.on('data', chunk => {
    for (const { data } of decoder.decode(chunk)) state.text += data
  })
  answer.on('end', () => {
    state.ended = true
  })
  answer.on('error', () => {})
  return state
}

test('following: what was, what comes, and the end with the container', async () => {
  const live = await bench.run({ Cmd: sh('echo first; read line; echo second; read line; echo last'), OpenStdin: true })
  using input = await bench.attach(live, { stream: 1, stdin: 1 })
  await until('the first line', async () => (await bench.logs(live)).stdout !== '')
  const follower = await follow(live)
  await until('what was', () => follower.text === 'first\n')
  input.write('\n')
  await until('what comes', () => follower.text === 'first\nsecond\n')
  assert.equal(follower.ended, false)
  input.write('\n')
  await until('the end', () => follower.ended)
  assert.equal(follower.text, 'first\nsecond\nlast\n')
  await bench.remove(live)
})

test('following from the last lines only', async () => {
  const live = await bench.run({ Cmd: sh('echo a; echo b; echo c; read line; echo d'), OpenStdin: true })
  await until('the lines', async () => (await bench.logs(live)).stdout === 'a\nb\nc\n')
  const follower = await follow(live, { tail: 1 })
  await until('the last', () => follower.text === 'c\n')
  using input = await bench.attach(live, { stream: 1, stdin: 1 })
  input.write('\n')
  await until('the end', () => follower.ended)
  assert.equal(follower.text, 'c\nd\n')
  await bench.remove(live)
})

test('following one that has ended gives what there is', async () => {
  const follower = await follow(id)
  await until('the end', () => follower.ended)
  assert.equal(follower.text, 'one\ntwo\nthree\nfour')
})

test('a follower that goes away is forgotten; many may follow', async () => {
  const live = await bench.run({ Cmd: sh('i=0; while [ $i -lt 200 ]; do i=$((i + 1)); echo $i; done; sleep 600') })
  const followers = await Promise.all(Array.from({ length: 8 }, () => follow(live)))
  await until('all lines for all', () => followers.every(({ text }) => text.endsWith('\n200\n')))
  for (const { answer } of followers.slice(1)) answer.destroy()
  await bench.client.post(`/containers/${live}/kill`)
  await until('the end for the one that stayed', () => followers[0]?.ended ?? false)
  await bench.remove(live)
})

test('a long line is one line', async () => {
  const long = await bench.run({ Cmd: sh('head -c 200000 /dev/zero | tr "\\0" x; echo; echo after') })
  await bench.wait(long)
  const { stdout } = await bench.logs(long)
  assert.equal(stdout, `${'x'.repeat(200_000)}\nafter\n`)
  assert.equal((await bench.logs(long, { tail: 1 })).stdout, 'after\n')
  await bench.remove(long)
})

test('bytes that are no text pass as they are', async context => {
  if (bench.isPeer) return context.skip('Docker keeps its log as JSON, which has no such bytes')
  const binary = await bench.run({ Cmd: sh('printf "\\377\\000\\r\\001\\n"') })
  await bench.wait(binary)
  const answer = await bench.client.stream('GET', `/containers/${binary}/logs`, { query: { stdout: 1 } })
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk as Buffer)
  assert.deepEqual([...Buffer.concat(chunks)], [1, 0, 0, 0, 0, 0, 0, 5, 0xff, 0, 13, 1, 10])
  await bench.remove(binary)
})

test('no log: none is kept, and it is said so', async () => {
  const silent = await bench.run({
    Cmd: sh('echo x'),
    HostConfig: { NetworkMode: 'none', LogConfig: { Type: 'none' } },
  })
  await bench.wait(silent)
  assert.equal((await bench.inspect(silent)).LogPath, '')
  await bench.refused(
    bench.client.get(`/containers/${silent}/logs`, { stdout: 1 }),
    501,
    'configured logging driver does not support reading',
  )
  await bench.remove(silent)
})

test('one that never ran has no lines; one that is not there has no log', async () => {
  const created = await bench.create({})
  assert.deepEqual(await bench.logs(created), { stdout: '', stderr: '' })
  await bench.remove(created)
  await bench.refused(bench.client.get('/containers/nobody/logs', { stdout: 1 }), 404, 'No such container: nobody')
})

test('following until a moment that is to come ends then, whether or not anything comes', {
  skip: process.env.TARE_TEST_PEER && 'Docker waits for a line that comes after it',
}, async () => {
  const live = await bench.run({ Cmd: sh('echo early; read line; echo late'), OpenStdin: true })
  await until('the first line', async () => (await bench.logs(live)).stdout !== '')
  const end = Date.now() + 700
  const follower = await follow(live, { until: (end / 1000).toFixed(6) })
  await until('what was', () => follower.text === 'early\n')
  assert.equal(follower.ended, false)
  await until('the end', () => follower.ended)
  assert.ok(Date.now() >= end && Date.now() < end + 5000)
  assert.equal(follower.text, 'early\n')
  assert.equal((await bench.inspect(live)).State.Running, true)
  await bench.remove(live)
})
