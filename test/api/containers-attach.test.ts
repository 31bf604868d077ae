// Attaching: output as it comes, input and its end, terminals, detaching.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ContainerBench, sh } from '../harness/container-bench.ts'

let bench: ContainerBench
before(async () => {
  bench = await ContainerBench.start()
})
after(() => bench[Symbol.asyncDispose]())

const ECHO = sh('while read line; do echo "out $line"; echo "err $line" >&2; done; echo end; exit 6')
const STDIN = { OpenStdin: true, StdinOnce: true, AttachStdin: true }

test('attached before the start, none of the output is missed', async () => {
  const id = await bench.create({ Cmd: sh('echo first; echo second >&2; exit 2') })
  using stream = await bench.attach(id)
  await bench.start(id)
  assert.deepEqual(await stream.whole(), { stdout: 'first\n', stderr: 'second\n' })
  assert.equal(await bench.wait(id), 2)
  await bench.remove(id)
})

test('input reaches the process; its end too, and leaves the output open', async () => {
  const id = await bench.create({ Cmd: ECHO, ...STDIN })
  await bench.expectEvents(id, ['attach', 'start', 'die'], async () => {
    using stream = await bench.attach(id)
    await bench.start(id)
    stream.write('a\n')
    await stream.until('the first answer', ({ stdout, stderr }) => stdout === 'out a\n' && stderr === 'err a\n')
    stream.write('b\n')
    stream.closeInput()
    const { stdout, stderr } = await stream.whole()
    assert.deepEqual({ stdout, stderr }, { stdout: 'out a\nout b\nend\n', stderr: 'err a\nerr b\n' })
    assert.equal(await bench.wait(id), 6)
  })
  await bench.remove(id)
})

test('input that comes before the start is not lost', async () => {
  const id = await bench.create({ Cmd: ['cat'], ...STDIN })
  using stream = await bench.attach(id)
  stream.write('early\n')
  stream.closeInput()
  await bench.start(id)
  assert.equal((await stream.whole()).stdout, 'early\n')
  await bench.remove(id)
})

test('a megabyte there and back', async () => {
  const id = await bench.create({ Cmd: ['cat'], ...STDIN })
  using stream = await bench.attach(id)
  await bench.start(id)
  const text = Array.from({ length: 100_000 }, (_, index) => `${index}\n`)
    .join('')
    .repeat(2)
  stream.write(text)
  stream.closeInput()
  assert.ok((await stream.whole(30_000)).stdout === text)
  await bench.remove(id)
})

test('without StdinOnce the input stays open for the next one', async () => {
  const id = await bench.run({ Cmd: ECHO, OpenStdin: true })
  {
    using first = await bench.attach(id)
    first.write('a\n')
    await first.until('its answer', ({ stdout }) => stdout === 'out a\n')
  }
  using second = await bench.attach(id)
  second.write('b\n')
  await second.until('its answer', ({ stdout }) => stdout === 'out b\n')
  assert.equal((await bench.inspect(id)).State.Running, true)
  await bench.remove(id)
})

test('two see the same', async () => {
  const id = await bench.run({ Cmd: ECHO, OpenStdin: true })
  using one = await bench.attach(id)
  using two = await bench.attach(id, { stream: 1, stdout: 1 })
  one.write('x\n')
  await one.until('both streams', ({ stdout, stderr }) => stdout === 'out x\n' && stderr === 'err x\n')
  await two.until('stdout', ({ stdout }) => stdout === 'out x\n')
  assert.equal(two.stderr, '')
  await bench.remove(id)
})

test('logs=1 shows first what was', async () => {
  const id = await bench.run({ Cmd: sh('echo before; read line; echo after'), ...STDIN })
  while ((await bench.logs(id)).stdout === '') await new Promise(resolve => setTimeout(resolve, 10))
  using stream = await bench.attach(id, { logs: 1, stream: 1, stdin: 1, stdout: 1, stderr: 1 })
  await stream.until('what was', ({ stdout }) => stdout === 'before\n')
  stream.write('\n')
  assert.equal((await stream.whole()).stdout, 'before\nafter\n')
  using old = await bench.attach(id, { logs: 1, stdout: 1, stderr: 1 })
  assert.equal((await old.whole()).stdout, 'before\nafter\n')
  await bench.remove(id)
})

test('a terminal: raw, one stream, line ends of a terminal', async () => {
  const id = await bench.create({
    Cmd: sh('echo $TERM; stty size; read line; echo "got $line"'),
    Tty: true,
    ...STDIN,
    HostConfig: { NetworkMode: 'none', ConsoleSize: [20, 60] },
  })
  using stream = await bench.attach(id, undefined, true)
  await bench.start(id)
  await stream.until('the size', ({ stdout }) => stdout.includes('20 60'))
  stream.write('hi\n')
  assert.equal((await stream.whole()).stdout, 'xterm\r\n20 60\r\nhi\r\ngot hi\r\n')
  await bench.remove(id)
})

test('detaching by keys: the client is let go, the process is not', async () => {
  const id = await bench.run({ Cmd: sh('cat'), Tty: true, OpenStdin: true })
  await bench.expectEvents(id, ['attach', 'detach'], async () => {
    using stream = await bench.attach(id, undefined, true)
    stream.write('x')
    await stream.until('the echo', ({ stdout }) => stdout.includes('x'))
    stream.write('\x10')
    stream.write('\x11')
    await stream.whole()
  })
  assert.equal((await bench.inspect(id)).State.Running, true)
  await bench.remove(id)
})

test('detaching by keys of one’s own', async () => {
  const id = await bench.run({ Cmd: ['cat'], Tty: true, OpenStdin: true })
  using stream = await bench.attach(id, { stream: 1, stdin: 1, stdout: 1, detachKeys: 'ctrl-a,d' }, true)
  stream.write('\x01')
  stream.write('d')
  await stream.whole()
  assert.equal((await bench.inspect(id)).State.Running, true)
  await bench.remove(id)
})

test('a client that goes away leaves the process running', async () => {
  const id = await bench.run({ Cmd: sh('while :; do echo x; sleep 0.01; done') })
  {
    using stream = await bench.attach(id, { stream: 1, stdout: 1 })
    await stream.until('output', ({ stdout }) => stdout !== '')
  }
  await new Promise(resolve => setTimeout(resolve, 50))
  const { length } = (await bench.logs(id)).stdout
  await new Promise(resolve => setTimeout(resolve, 100))
  assert.ok((await bench.logs(id)).stdout.length > length)
  await bench.remove(id)
})

test('what is refused', async () => {
  const attach = (container: string) => bench.client.hijack(`/containers/${container}/attach?stream=1&stdout=1`)
  await assert.rejects(attach('nobody'), /404: .*No such container: nobody/)
  const id = await bench.run()
  await bench.client.post(`/containers/${id}/pause`)
  await assert.rejects(attach(id), /409: .*is paused, unpause the container before attach/)
  await bench.remove(id)
})
