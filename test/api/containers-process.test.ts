// Who runs, where, as what: users, environment, directory, host name, the init program.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ContainerBench, sh } from '../harness/container-bench.ts'

let bench: ContainerBench
before(async () => {
  bench = await ContainerBench.start()
})
after(() => bench[Symbol.asyncDispose]())

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

test('-u in its forms', async () => {
  const id = async (User: string, GroupAdd: string[] = []) =>
    (
      await bench.output('echo $(id -u) $(id -g) $(id -G) $HOME', {
        User,
        HostConfig: { NetworkMode: 'none', GroupAdd },
      })
    ).trim()
  assert.equal(await id(''), '0 0 0 /root')
  assert.equal(await id('nobody'), '65534 65534 65534 /home')
  assert.equal(await id('65534'), '65534 65534 65534 /home')
  assert.equal(await id('nobody:root'), '65534 0 0 /home')
  assert.equal(await id('1234'), '1234 0 0 /')
  assert.equal(await id('1234:5678'), '1234 5678 5678 /')
  assert.equal(await id('1234:5678', ['7', 'nogroup']), '1234 5678 5678 7 65534 /')
})

test('the environment: what everybody has, and what is said', async () => {
  const id = await bench.create({ Cmd: ['env'], Env: ['ONE=1', 'EMPTY=', 'SPACED=a b'], Hostname: 'box' })
  await bench.start(id)
  await bench.wait(id)
  assert.deepEqual((await bench.logs(id)).stdout.trim().split('\n').sort(), [
    'EMPTY=',
    'HOME=/root',
    'HOSTNAME=box',
    'ONE=1',
    `PATH=${PATH}`,
    'SPACED=a b',
  ])
  await bench.remove(id)
})

test('PATH as it is said finds the program', async () => {
  assert.equal((await bench.finish({ Cmd: ['echo', 'x'], Env: ['PATH=/bin'] })).stdout, 'x\n')
  const id = await bench.create({ Cmd: ['echo', 'x'], Env: ['PATH=/nowhere'] })
  await bench.refused(
    bench.client.post(`/containers/${id}/start`),
    400,
    /exec: "echo": executable file not found in \$PATH/,
  )
  await bench.remove(id)
})

test('the directory: / when nothing is said, made when it is not there', async () => {
  assert.equal(await bench.output('pwd'), '/\n')
  assert.equal(await bench.output('pwd', { WorkingDir: '/var' }), '/var\n')
  assert.equal(
    await bench.output('pwd; stat -c %u:%g .', { WorkingDir: '/made/on/the/way' }),
    '/made/on/the/way\n0:0\n',
  )
})

test('the host name', async () => {
  const id = await bench.run()
  assert.equal((await bench.exec(id, ['hostname'])).stdout, `${id.slice(0, 12)}\n`)
  await bench.remove(id)
  assert.equal(await bench.output('hostname; cat /etc/hostname', { Hostname: 'named' }), 'named\nnamed\n')
})

test('arguments come as they are', async () => {
  const words = ['a b', '$HOME', '"', "'", '\\', '*', '', 'ä']
  assert.equal(
    (await bench.finish({ Entrypoint: ['printf', '[%s]'], Cmd: words })).stdout,
    words.map(word => `[${word}]`).join(''),
  )
})

test('every container knows that it is one', async () => {
  assert.equal(await bench.output('ls /.dockerenv'), '/.dockerenv\n')
})

test('files written in one container are not in the next one', async () => {
  await bench.output('echo x > /mark; rm /bin/ls')
  assert.equal(await bench.output('ls /mark 2>/dev/null; ls -d /tmp'), '/tmp\n')
})

test('output without a line end, and much of it', async () => {
  assert.equal(await bench.output('printf abc'), 'abc')
  const { stdout, stderr } = await bench.finish({ Cmd: sh('seq 1 50000; seq 1 50000 >&2') })
  const expected = Array.from({ length: 50_000 }, (_, index) => `${index + 1}\n`).join('')
  assert.ok(stdout === expected && stderr === expected)
})
