import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { launcher } from '../test/harness/command.ts'
import { expectStatus } from '../test/harness/http-client.ts'
import type { Engine } from './engines.ts'
import { proportionalMemory } from './memory.ts'
import { timed } from './statistics.ts'

export type Measure = {
  readonly name: string
  readonly unit: 'ms' | 'MiB'
  /** How many rounds are enough, in proportion to the number asked for. */
  readonly share: number
  /** What Tare set itself, as it stands in the table. */
  readonly mark?: string
  /** One value; undefined where it makes no sense for this engine. */
  readonly take: (engine: Engine) => Promise<number | undefined>
}

const quiet = (argv: readonly string[]): void => {
  const [file = '', ...args] = argv
  const { status, stderr } = spawnSync(file, args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' })
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}: ${stderr}`)
}

const docker = (engine: Engine, ...args: string[]) => ['docker', '-H', engine.host, ...args]
const isTare = ({ name }: Engine) => name === 'Tare'

const cycle = async ({ client }: Engine): Promise<void> => {
  const body = { Image: 'busybox', Cmd: ['true'] }
  const { Id } = expectStatus(await client.post<{ Id: string }>('/containers/create', body), 201)
  expectStatus(await client.post(`/containers/${Id}/start`), 204)
  expectStatus(await client.post(`/containers/${Id}/wait`), 200)
  expectStatus(await client.delete(`/containers/${Id}`), 204)
}

/** Killed first: Podman's forced removal would give each of them ten seconds to end by itself. */
const removeAll = async ({ client }: Engine): Promise<void> => {
  const { body } = await client.get<{ Id: string }[]>('/containers/json', { all: 1 })
  for (const { Id } of body) {
    await client.post(`/containers/${Id}/kill`)
    await client.delete(`/containers/${Id}`, { force: 1 })
  }
}

const succeed = (argv: readonly string[]): Promise<void> =>
  new Promise((resolve, reject) => {
    const [file = '', ...args] = argv
    const child = spawn(file, args, { stdio: 'ignore' })
    child.once('error', reject)
    child.once('exit', code => (code === 0 ? resolve() : reject(new Error(`${argv.join(' ')} ended with ${code}`))))
  })

const runMany = async (engine: Engine, count: number, sideBySide: number): Promise<void> => {
  let started = 0
  const worker = async () => {
    while (started < count) {
      started += 1
      await succeed(docker(engine, 'run', '-d', 'busybox', 'sleep', '600'))
    }
  }
  await Promise.all(Array.from({ length: sideBySide }, worker))
}

const DOCKERFILE = [
  'FROM busybox',
  'ENV KIND=bench',
  'WORKDIR /app',
  ...[1, 2, 3, 4].map(step => `RUN echo ${step} > /app/${step}`),
  'COPY Dockerfile /app/',
  'EXPOSE 80',
  'CMD ["true"]',
].join('\n')

/** One file in a tar: 512 bytes of header, the content, and two empty blocks. */
const tarOf = (name: string, content: string): Buffer => {
  const header = Buffer.alloc(512)
  header.write(name)
  header.write('0000644\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  header.write(`${Buffer.byteLength(content).toString(8).padStart(11, '0')}\0`, 124)
  header.write('00000000000\0', 136)
  header.write('        0', 148)
  header.write('ustar\x0000', 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  const body = Buffer.alloc(Math.ceil(Buffer.byteLength(content) / 512) * 512)
  body.write(content)
  return Buffer.concat([header, body, Buffer.alloc(1024)])
}

const build = async ({ client }: Engine): Promise<void> => {
  const answer = await client.request('POST', '/build', {
    query: { t: 'ten-steps' },
    body: tarOf('Dockerfile', DOCKERFILE),
  })
  expectStatus(answer, 200)
  if (!answer.text.includes('Successfully built')) throw new Error(answer.text)
}

const built = new WeakSet<Engine>()

/** Long enough that what the last measure left to do is done, and the memory is at rest. */
const SETTLE = 3000
const RUNNING = 20

export const MEASURES: readonly Measure[] = [
  {
    name: '`docker run --rm busybox true`, bridge',
    unit: 'ms',
    share: 1,
    mark: '≤ 65',
    take: engine => timed(() => quiet(docker(engine, 'run', '--rm', 'busybox', 'true'))),
  },
  {
    name: '`docker run --rm --network none busybox true`',
    unit: 'ms',
    share: 1,
    take: engine => timed(() => quiet(docker(engine, 'run', '--rm', '--network', 'none', 'busybox', 'true'))),
  },
  {
    name: '`tare run --rm busybox true`, bridge',
    unit: 'ms',
    share: 1,
    mark: '≤ 90',
    take: async engine =>
      isTare(engine) ? timed(() => quiet([launcher, '-H', engine.host, 'run', '--rm', 'busybox', 'true'])) : undefined,
  },
  {
    name: 'create → start → wait → remove over the socket, bridge',
    unit: 'ms',
    share: 1,
    mark: '≤ 45',
    take: engine => timed(() => cycle(engine)),
  },
  {
    name: 'thirty `docker run -d`, eight at a time',
    unit: 'ms',
    share: 0.25,
    mark: '≤ ½ of Docker',
    async take(engine) {
      const time = await timed(() => runMany(engine, 30, 8))
      await removeAll(engine)
      return time
    },
  },
  {
    name: 'ten-step build, all cached, over the socket',
    unit: 'ms',
    share: 1,
    mark: '≤ 25',
    async take(engine) {
      if (!built.has(engine)) await build(engine)
      built.add(engine)
      return timed(() => build(engine))
    },
  },
  {
    name: 'the CLI alone: `docker --version`, `tare --version`',
    unit: 'ms',
    share: 1,
    take: engine => timed(() => quiet([isTare(engine) ? launcher : 'docker', '--version'])),
  },
  {
    name: 'memory (PSS), idle after all that',
    unit: 'MiB',
    share: 0,
    mark: '≤ 90',
    async take(engine) {
      await delay(SETTLE)
      return proportionalMemory(engine.folder)
    },
  },
  {
    name: 'memory (PSS) more per running container',
    unit: 'MiB',
    share: 0,
    mark: '≤ 0.5',
    async take(engine) {
      await delay(SETTLE)
      const idle = proportionalMemory(engine.folder)
      await runMany(engine, RUNNING, 4)
      await delay(SETTLE)
      const busy = proportionalMemory(engine.folder)
      await removeAll(engine)
      return (busy - idle) / RUNNING
    },
  },
]

/** The floor: what the kernel and runc need for the same, with neither engine nor client. */
export const runcRun = (bundle: string, index: number): Promise<number> =>
  timed(() => execFileSync('runc', ['run', '--bundle', bundle, `bench-${process.pid}-${index}`], { stdio: 'ignore' }))
