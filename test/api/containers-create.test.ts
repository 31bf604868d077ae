// Creating containers: what is kept of the request, and what is refused. With TARE_TEST_PEER the same is asked of Docker.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ContainerCreateRequest } from '../../src/api/container.ts'
import { ContainerBench } from '../harness/container-bench.ts'
import { expectStatus } from '../harness/http-client.ts'

let bench: ContainerBench
before(async () => {
  bench = await ContainerBench.start()
})
after(() => bench[Symbol.asyncDispose]())

test('create answers 201 with the id and no warnings, and is told', async () => {
  const name = bench.name()
  const events = await bench.events(name, 1, async () => {
    const answer = await bench.tryCreate({ Cmd: ['true'], Labels: { colour: 'red' } }, name)
    const { Id, Warnings } = expectStatus(answer, 201)
    assert.match(Id, /^[0-9a-f]{64}$/)
    assert.deepEqual(Warnings, [])
  })
  const { Id } = await bench.inspect(name)
  const [{ Type, Action, Actor } = assert.fail()] = events
  assert.deepEqual(
    { Type, Action, Actor },
    { Type: 'container', Action: 'create', Actor: { ID: Id, Attributes: { colour: 'red', image: 'busybox', name } } },
  )
})

test('inspect shows what was asked for and what the engine added', async () => {
  const name = bench.name()
  const id = await bench.create(
    {
      Entrypoint: ['sh'],
      Cmd: ['-c', 'true'],
      Env: ['A=1'],
      WorkingDir: '/tmp',
      User: 'nobody',
      Labels: { a: 'b' },
      ExposedPorts: { '80/tcp': {} },
      StopSignal: 'SIGINT',
      HostConfig: {
        NetworkMode: 'none',
        Memory: 32 * 1024 * 1024,
        MemorySwap: 0,
        RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 },
      },
    },
    name,
  )
  const seen = await bench.inspect(id)
  assert.deepEqual(
    [seen.Id, seen.Name, seen.Path, seen.Args, seen.RestartCount],
    [id, `/${name}`, 'sh', ['-c', 'true'], 0],
  )
  assert.match(seen.Image, /^sha256:[0-9a-f]{64}$/)
  assert.ok(Math.abs(Date.parse(seen.Created) - Date.now()) < 60_000)
  const { Status, Running, Pid, ExitCode, StartedAt, FinishedAt } = seen.State
  assert.deepEqual(
    { Status, Running, Pid, ExitCode, StartedAt, FinishedAt },
    {
      Status: 'created',
      Running: false,
      Pid: 0,
      ExitCode: 0,
      StartedAt: '0001-01-01T00:00:00Z',
      FinishedAt: '0001-01-01T00:00:00Z',
    },
  )
  const { Hostname, Entrypoint, Cmd, Env, WorkingDir, User, Labels, ExposedPorts, StopSignal, Image } = seen.Config
  assert.deepEqual(
    { Hostname, Entrypoint, Cmd, WorkingDir, User, Labels, ExposedPorts, StopSignal, Image },
    {
      Hostname: id.slice(0, 12),
      Entrypoint: ['sh'],
      Cmd: ['-c', 'true'],
      WorkingDir: '/tmp',
      User: 'nobody',
      Labels: { a: 'b' },
      ExposedPorts: { '80/tcp': {} },
      StopSignal: 'SIGINT',
      Image: 'busybox',
    },
  )
  assert.equal(Env?.[0], 'A=1')
  const { Memory, MemorySwap, RestartPolicy, NetworkMode, ShmSize, IpcMode } = seen.HostConfig
  assert.deepEqual(
    { Memory, MemorySwap, RestartPolicy, NetworkMode, ShmSize, IpcMode },
    {
      Memory: 32 * 1024 * 1024,
      MemorySwap: 64 * 1024 * 1024,
      RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 },
      NetworkMode: 'none',
      ShmSize: 64 * 1024 * 1024,
      IpcMode: 'private',
    },
  )
})

test('without a name there is one: adjective_noun, and another one each time', async () => {
  const names = await Promise.all([1, 2, 3].map(async () => (await bench.inspect(await bench.create({}))).Name))
  for (const name of names) assert.match(name, /^\/[a-z]+_[a-z]+\d*$/)
  assert.equal(new Set(names).size, 3)
})

test("without a command it is the image's; without either it is refused", async () => {
  const seen = await bench.inspect(await bench.create({}))
  assert.deepEqual([seen.Path, seen.Args], ['sh', []])
  await bench.refused(bench.tryCreate({ Entrypoint: [''] }), 400, 'no command specified')
})

test('an image that is not there', async () => {
  await bench.refused(bench.tryCreate({ Image: 'nosuch' }), 404, 'No such image: nosuch:latest')
  await bench.refused(bench.tryCreate({ Image: 'a/b:c' }), 404, 'No such image: a/b:c')
  await bench.refused(
    bench.tryCreate({ Image: 'UPPER' }),
    400,
    'invalid reference format: repository name (library/UPPER) must be lowercase',
  )
})

test('a name that is taken, and names that are none', async () => {
  const name = bench.name()
  const id = await bench.create({}, name)
  await bench.refused(
    bench.tryCreate({}, name),
    409,
    `Conflict. The container name "/${name}" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
  )
  for (const wrong of ['a', '-ab', 'a b', 'a/b']) {
    await bench.refused(
      bench.tryCreate({}, wrong),
      400,
      `Invalid container name (${wrong}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    )
  }
})

test('one name asked for ten times at once is given once', async () => {
  const name = bench.name()
  const answers = await Promise.all(Array.from({ length: 10 }, () => bench.tryCreate({}, name)))
  assert.deepEqual(answers.map(({ status }) => status).sort(), [201, ...Array(9).fill(409)])
})

const MIB = 1024 * 1024
const WRONG: readonly (readonly [
  what: string,
  config: ContainerCreateRequest,
  status: number,
  message: string | RegExp,
])[] = [
  ['too little memory', { HostConfig: { Memory: MIB } }, 400, 'Minimum memory limit allowed is 6MB'],
  [
    'less swap than memory',
    { HostConfig: { Memory: 8 * MIB, MemorySwap: 7 * MIB } },
    400,
    'Minimum memoryswap limit should be larger than memory limit, see usage',
  ],
  [
    'too many CPUs',
    { HostConfig: { NanoCpus: 1e12 } },
    400,
    /^range of CPUs is from 0\.01 to \d+\.00, as there are only \d+ CPUs available$/,
  ],
  [
    'an unknown capability',
    { HostConfig: { CapAdd: ['CAP_NOPE'] } },
    400,
    'invalid CapAdd: unknown capability: "CAP_NOPE"',
  ],
  [
    'an unknown capability to drop',
    { HostConfig: { CapDrop: ['NOPE'] } },
    400,
    'invalid CapDrop: unknown capability: "CAP_NOPE"',
  ],
  [
    'an unknown restart policy',
    { HostConfig: { RestartPolicy: { Name: 'sometimes' } } },
    400,
    `invalid restart policy: unknown policy 'sometimes'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
  ],
  [
    'retries for a policy that has none',
    { HostConfig: { RestartPolicy: { Name: 'always', MaximumRetryCount: 3 } } },
    400,
    `invalid restart policy: maximum retry count can only be used with 'on-failure'`,
  ],
  [
    'retries below none',
    { HostConfig: { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: -1 } } },
    400,
    `invalid restart policy: maximum retry count cannot be negative`,
  ],
  [
    'a policy for one that removes itself',
    { HostConfig: { AutoRemove: true, RestartPolicy: { Name: 'always' } } },
    400,
    `can't create 'AutoRemove' container with restart policy`,
  ],
  [
    'a directory that is not absolute',
    { WorkingDir: 'relative' },
    400,
    `the working directory 'relative' is invalid, it needs to be an absolute path`,
  ],
  ['a signal that is none', { StopSignal: 'SIGNOPE' }, 400, 'invalid signal: SIGNOPE'],
  ['an unknown runtime', { HostConfig: { Runtime: 'nope' } }, 400, 'unknown or invalid runtime name: nope'],
  [
    'a port that is none',
    { HostConfig: { PortBindings: { '80/tcp': [{ HostPort: 'x' }] } } },
    400,
    'invalid port specification: "x"',
  ],
  ['two mounts at one place', { HostConfig: { Binds: ['/tmp:/x', '/var:/x'] } }, 400, 'Duplicate mount point: /x'],
  [
    'a mount on the root',
    { HostConfig: { Binds: ['/tmp:/'] } },
    400,
    `invalid volume specification: '/tmp:/': invalid mount config for type "bind": invalid specification: destination can't be '/'`,
  ],
  [
    'a mount on no absolute path',
    { HostConfig: { Binds: ['/tmp:x'] } },
    400,
    `invalid volume specification: '/tmp:x': invalid mount config for type "bind": invalid mount path: 'x' mount path must be absolute`,
  ],
  ['a mode that is none', { HostConfig: { Binds: ['/tmp:/x:fast'] } }, 400, 'invalid mode: fast'],
  [
    'a volume name that is none',
    { HostConfig: { Binds: ['a b:/x'] } },
    400,
    /^create a b: "a b" includes invalid characters for a local volume name/,
  ],
  [
    'a bind of what is not there',
    { HostConfig: { Mounts: [{ Type: 'bind', Source: '/no/such', Target: '/x' }] } },
    400,
    'invalid mount config for type "bind": bind source path does not exist: /no/such',
  ],
  ['an unknown option', { HostConfig: { SecurityOpt: ['nonsense'] } }, 400, /^invalid --security-opt/],
  ['an IPC mode that is none', { HostConfig: { IpcMode: 'nope' } }, 400, 'invalid IPC mode: nope'],
  ['a PID mode that is none', { HostConfig: { PidMode: 'nope' } }, 400, 'invalid PID mode: nope'],
  ['a variable without a name', { Env: ['=x'] }, 400, 'invalid environment variable: =x'],
]

/** What Docker finds out later, or not at all. */
const WRONG_HERE: typeof WRONG = [
  [
    'an unknown log driver',
    { HostConfig: { LogConfig: { Type: 'nope' } } },
    400,
    `logger: no log driver named 'nope' is registered`,
  ],
  [
    'an address that is none',
    { HostConfig: { PortBindings: { '80/tcp': [{ HostIp: 'x', HostPort: '' }] } } },
    400,
    'invalid IP address: x',
  ],
  ['a user namespace that is none', { HostConfig: { UsernsMode: 'nope' } }, 400, 'invalid user namespace mode'],
  [
    'an IPv6 address',
    { HostConfig: { PortBindings: { '80/tcp': [{ HostIp: '::1', HostPort: '' }] } } },
    501,
    'publishing ports on IPv6 addresses is not supported yet: ::1',
  ],
]

for (const [what, config, status, message] of process.env.TARE_TEST_PEER ? WRONG : [...WRONG, ...WRONG_HERE]) {
  test(`${what} is refused and leaves nothing`, async () => {
    const name = bench.name()
    await bench.refused(bench.tryCreate(config, name), status, message)
    assert.equal((await bench.client.get(`/containers/${name}/json`)).status, 404)
  })
}

test('a body that is none', async () => {
  const post = (body: string) =>
    bench.client.request('POST', '/containers/create', { body, headers: { 'Content-Type': 'application/json' } })
  await bench.refused(post('{'), 400, /^invalid JSON/)
  await bench.refused(post('[]'), 400, /cannot unmarshal array/)
  assert.equal((await post('null')).status, 400)
})

test('every field that Docker shows is there, whatever was left out', async () => {
  const id = await bench.create({
    Volumes: { '/v': {} },
    HostConfig: { PortBindings: { '80/tcp': [{ HostPort: '8080' }] } },
  })
  const { Config, HostConfig, NetworkSettings, Mounts } = await bench.inspect(id)
  assert.deepEqual([Config.Env, Config.OnBuild, Config.Labels, Config.Entrypoint], [null, null, {}, null])
  const { CapAdd, CapDrop, Dns, Ulimits, Binds, Memory, MemorySwap, PidsLimit, AutoRemove, PortBindings } = HostConfig
  assert.deepEqual(
    { CapAdd, CapDrop, Dns, Ulimits, Binds, Memory, MemorySwap, PidsLimit, AutoRemove, PortBindings },
    {
      CapAdd: null,
      CapDrop: null,
      Dns: null,
      Ulimits: null,
      Binds: null,
      Memory: 0,
      MemorySwap: 0,
      PidsLimit: null,
      AutoRemove: false,
      PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }] },
    },
  )
  assert.deepEqual([NetworkSettings.IPAddress, NetworkSettings.SecondaryIPAddresses, Mounts[0]?.Mode], ['', null, ''])
})
