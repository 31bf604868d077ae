import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import type {
  ContainerCreateRequest,
  ContainerCreateResponse,
  ContainerInspect,
  ContainerSummary,
  ContainerWaitResponse,
  ExecCreateRequest,
  ExecInspect,
} from '../../src/api/container.ts'
import { FrameDecoder } from '../../src/api/stdcopy.ts'
import { until } from './daemon.ts'
import { type EngineUnderTest, engineUnderTest } from './engine-under-test.ts'
import { type Answer, expectStatus, type HttpClient } from './http-client.ts'
import { StreamClient } from './stream-client.ts'

export type EventMessage = { Type: string; Action: string; Actor: { ID: string; Attributes: Record<string, string> } }
export type Finished = { code: number; stdout: string; stderr: string }

/** The long text that a shell runs. */
export const sh = (script: string): string[] => ['sh', '-c', script]

/** Ends at once when it is asked to, and at the latest after ten minutes. */
export const IDLE = sh('trap "exit 0" TERM; sleep 600 & wait')

/** What tests do with containers over the API, in one line each. Containers have no network unless they ask for one. */
export class ContainerBench implements AsyncDisposable {
  readonly engine: EngineUnderTest
  readonly client: HttpClient

  static async start(): Promise<ContainerBench> {
    return new ContainerBench(await engineUnderTest())
  }

  private constructor(engine: EngineUnderTest) {
    this.engine = engine
    this.client = engine.client
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine[Symbol.asyncDispose]()
  }

  /** A name that no other test has. */
  name(): string {
    return `t_${randomBytes(6).toString('hex')}`
  }

  tryCreate(
    config: ContainerCreateRequest,
    name?: string,
  ): Promise<Answer<ContainerCreateResponse & { message?: string }>> {
    const body = { Image: 'busybox', ...config, HostConfig: { NetworkMode: 'none', ...config.HostConfig } }
    return this.client.post('/containers/create', body, { name })
  }

  /** The id of a new container. */
  async create(config: ContainerCreateRequest, name?: string): Promise<string> {
    return expectStatus(await this.tryCreate(config, name), 201).Id
  }

  async start(id: string): Promise<void> {
    expectStatus(await this.client.post(`/containers/${id}/start`), 204)
  }

  /** The id of a container that runs; idle unless it is told what to do. */
  async run(config: ContainerCreateRequest = {}, name?: string): Promise<string> {
    const id = await this.create({ Cmd: IDLE, ...config }, name)
    await this.start(id)
    return id
  }

  /** Runs a container to its end, and removes it. */
  async finish(config: ContainerCreateRequest): Promise<Finished> {
    const id = await this.run(config)
    const code = await this.wait(id)
    const streams = await this.logs(id)
    await this.remove(id)
    return { code, ...streams }
  }

  /** What a shell prints in a container of its own. */
  async output(script: string, config: ContainerCreateRequest = {}): Promise<string> {
    const { code, stdout, stderr } = await this.finish({ ...config, Cmd: sh(script) })
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    return stdout
  }

  async wait(id: string, condition?: string): Promise<number> {
    const answer = await this.client.post<ContainerWaitResponse>(`/containers/${id}/wait`, undefined, { condition })
    return expectStatus(answer, 200).StatusCode
  }

  async inspect(id: string): Promise<ContainerInspect> {
    return expectStatus(await this.client.get<ContainerInspect>(`/containers/${id}/json`), 200)
  }

  /** The first process of a container, once it is the container's program: a start is answered just before that. */
  async processOf(id: string): Promise<number> {
    const { Pid } = (await this.inspect(id)).State
    // The runtime's own program has no path of its own there (it runs from a mount that is gone), but a name.
    const isRuntime = () => readFileSync(`/proc/${Pid}/comm`, 'utf8').startsWith('runc')
    await until('the program to be executed', () => !isRuntime(), 5000)
    return Pid
  }

  async list(query: Readonly<Record<string, string | number | object>> = {}): Promise<ContainerSummary[]> {
    return expectStatus(await this.client.get<ContainerSummary[]>('/containers/json', query), 200)
  }

  /** Quiet about one that is gone. */
  async remove(id: string): Promise<void> {
    const { status, text } = await this.client.delete(`/containers/${id}`, { force: 1, v: 1 })
    assert.ok(status === 204 || status === 404, text)
  }

  async logs(
    id: string,
    query: Readonly<Record<string, string | number>> = {},
  ): Promise<{ stdout: string; stderr: string }> {
    const answer = await this.client.stream('GET', `/containers/${id}/logs`, {
      query: { stdout: 1, stderr: 1, ...query },
    })
    const chunks: Buffer[] = []
    for await (const chunk of answer) chunks.push(chunk as Buffer)
    const bytes = Buffer.concat(chunks)
    assert.equal(answer.statusCode, 200, bytes.toString())
    if (!answer.headers['content-type']?.includes('multiplexed')) return { stdout: bytes.toString(), stderr: '' }
    const decoder = new FrameDecoder()
    const texts = { stdout: '', stderr: '' }
    for (const { stream, data } of decoder.decode(bytes)) if (stream in texts) texts[stream as 'stdout'] += data
    assert.ok(decoder.complete, 'the last frame is whole')
    return texts
  }

  attach(
    id: string,
    query: Readonly<Record<string, string | number>> = { stream: 1, stdin: 1, stdout: 1, stderr: 1 },
    tty = false,
  ): Promise<StreamClient> {
    return StreamClient.open(this.client, `/containers/${id}/attach`, tty, { query })
  }

  async createExec(id: string, request: ExecCreateRequest): Promise<string> {
    const body = { AttachStdout: true, AttachStderr: true, ...request }
    return expectStatus(await this.client.post<{ Id: string }>(`/containers/${id}/exec`, body), 201).Id
  }

  startExec(execId: string, body: { Tty?: boolean; ConsoleSize?: [number, number] } = {}): Promise<StreamClient> {
    return StreamClient.open(this.client, `/exec/${execId}/start`, body.Tty ?? false, {
      body: { Detach: false, ...body },
    })
  }

  async inspectExec(execId: string): Promise<ExecInspect> {
    return expectStatus(await this.client.get<ExecInspect>(`/exec/${execId}/json`), 200)
  }

  /** Runs a program in a running container to its end. */
  async exec(id: string, Cmd: string[], request: ExecCreateRequest = {}): Promise<Finished> {
    const execId = await this.createExec(id, { Cmd, ...request })
    using stream = await this.startExec(execId, { Tty: request.Tty ?? false })
    const streams = await stream.whole()
    return { code: (await this.inspectExec(execId)).ExitCode ?? -1, ...streams }
  }

  /** What is told of one container while `work` is done, `count` events of it, oldest first. */
  async events(container: string, count: number, work: () => Promise<unknown>): Promise<EventMessage[]> {
    const answer = await this.client.stream('GET', '/events', { query: { filters: { container: [container] } } })
    const events: EventMessage[] = []
    let text = ''
    answer.on('data', chunk => {
      text += chunk
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        if (end > 0) events.push(JSON.parse(text.slice(0, end)) as EventMessage)
        text = text.slice(end + 1)
      }
    })
    answer.on('error', () => {})
    try {
      await work()
      await until(`${count} events of ${container}`, () => events.length >= count, 5000).catch(cause => {
        throw new Error(`events of ${container}: ${events.map(({ Action }) => Action).join(', ')}`, { cause })
      })
      return events
    } finally {
      answer.destroy()
    }
  }

  /** True where the engine under test is not ours, which tells its answers apart from ours where we mean to differ. */
  readonly isPeer = process.env.TARE_TEST_PEER !== undefined

  /** Only what they are called; their number is what is expected. Docker's own `stop` and `die` come in either order. */
  async expectEvents(container: string, actions: readonly string[], work: () => Promise<unknown>): Promise<void> {
    const events = await this.events(container, actions.length, work)
    const order = (names: readonly string[]) => (this.isPeer ? names.toSorted() : names)
    assert.deepEqual(order(events.map(({ Action }) => Action)), order(actions))
  }

  /** The status and the message of a refusal. Docker answers some wrong requests with 500, where ours has the status that is meant. */
  async refused(answer: Promise<Answer<unknown>>, status: number, message: string | RegExp): Promise<void> {
    const { status: got, body, text } = await answer
    assert.equal(this.isPeer && got === 500 ? status : got, status, text)
    const said = (body as { message?: string }).message ?? ''
    if (typeof message === 'string') assert.equal(said, message)
    else assert.match(said, message)
  }
}

/** `/proc/<pid>/status` by its keys. */
export const processStatus = (pid: number): Record<string, string> =>
  Object.fromEntries(
    readFileSync(`/proc/${pid}/status`, 'utf8')
      .trim()
      .split('\n')
      .map(line => line.split(/:\s*/, 2)),
  )

/** What a process's cgroup says: `controller` and `v1` for its file on v1 and hybrid hosts, `v2` for the other. */
export const cgroupValue = (pid: number, controller: string, v1: string, v2: string): string => {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n')
  const found = lines.map(line => line.split(':')).find(([, names]) => names?.split(',').includes(controller))
  const unified = lines.find(line => line.startsWith('0::'))?.slice(3)
  const path = found
    ? `/sys/fs/cgroup/${[found[1], controller].find(name => existsSync(`/sys/fs/cgroup/${name}`))}${found[2]}/${v1}`
    : `/sys/fs/cgroup${unified}/${v2}`
  return readFileSync(path, 'utf8').trim()
}
