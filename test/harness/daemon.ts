import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { instanceName } from '../../src/engine.ts'
import { importBusybox } from './busybox-image.ts'
import { type CommandOptions, type CommandResult, launcher, run } from './command.ts'
import { HttpClient } from './http-client.ts'
import { remainsOf } from './remains.ts'
import { freeSubnets } from './subnet.ts'
import { suiteRoot } from './suite-root.ts'
import { until } from './until.ts'

export { until } from './until.ts'

export type DaemonOptions = {
  /** More of dockerd's flags. */
  readonly flags?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** A command that starts the daemon instead of being it: it is given the daemon's own words, and has to `exec` them. */
  readonly prefix?: readonly string[]
  /** Import `busybox:latest` once it answers; true when left out. */
  readonly busybox?: boolean
  /** Instead of a folder of its own. */
  readonly dataRoot?: string
}

const answers = (socketPath: string): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(socketPath)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGTERM')
})

/** A daemon on roots, a socket and subnets of its own, gone without a trace at the end of its `await using` block. */
export class TestDaemon implements AsyncDisposable {
  readonly root: string
  readonly dataRoot: string
  readonly execRoot: string
  readonly socketPath: string
  readonly logPath: string
  readonly client: HttpClient
  readonly subnet: string
  readonly #options: DaemonOptions
  readonly #poolBase: string
  readonly #words = new Set<string>()
  #child: ChildProcess | undefined
  #exit: Promise<number | null> = Promise.resolve(null)

  private constructor(options: DaemonOptions) {
    this.#options = options
    this.root = mkdtempSync(join(suiteRoot(), 'd'))
    this.dataRoot = options.dataRoot ?? join(this.root, 'data')
    this.execRoot = join(this.root, 'run')
    this.socketPath = join(this.root, 'tare.sock')
    this.logPath = join(this.root, 'daemon.log')
    this.client = new HttpClient(this.socketPath)
    const { bridge, pool } = freeSubnets()
    this.subnet = bridge
    this.#poolBase = pool
  }

  static async start(options: DaemonOptions = {}): Promise<TestDaemon> {
    const daemon = new TestDaemon(options)
    try {
      await daemon.start()
      if (options.busybox !== false) await importBusybox(daemon.client)
    } catch (error) {
      await daemon.#end()
      throw error
    }
    return daemon
  }

  /** As flags of dockerd and the CLI have it. */
  get host(): string {
    return `unix://${this.socketPath}`
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error('the daemon does not run')
    return this.#child.pid
  }

  get argv(): string[] {
    return [
      ...(this.#options.prefix ?? []),
      launcher,
      'daemon',
      ...['--data-root', this.dataRoot, '--exec-root', this.execRoot, '--host', this.host],
      ...['--pidfile', join(this.root, 'pid'), '--bip', `${this.subnet}.1/24`],
      ...['--default-address-pool', `base=${this.#poolBase}.0/24,size=28`],
      ...(this.#options.flags ?? []),
    ]
  }

  log(): string {
    return readFileSync(this.logPath, 'utf8')
  }

  /** Starts the process and waits until it answers. */
  async start(): Promise<void> {
    mkdirSync(this.root, { recursive: true })
    const log = openSync(this.logPath, 'a')
    const [file = '', ...args] = this.argv
    const child = spawn(file, args, { stdio: ['ignore', log, log], env: { ...process.env, ...this.#options.env } })
    closeSync(log)
    living.add(child)
    let ended = false
    this.#exit = new Promise(resolve =>
      child.once('close', code => {
        ended = true
        living.delete(child)
        resolve(code)
      }),
    )
    this.#child = child
    await until('the daemon to answer', async () => ended || (await answers(this.socketPath)))
    if (ended) {
      this.#child = undefined
      throw new Error(`the daemon ended at its start:\n${this.log()}`)
    }
  }

  /** SIGTERM, and its exit code. */
  async stop(): Promise<number | null> {
    this.#noteWords()
    this.#child?.kill('SIGTERM')
    return this.#gone()
  }

  /** As a crash would: nothing of the daemon's own runs any more. */
  async kill9(): Promise<void> {
    this.#noteWords()
    this.#child?.kill('SIGKILL')
    await this.#gone()
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  async #gone(): Promise<number | null> {
    if (!this.#child) return null
    const timer = setTimeout(() => this.#child?.kill('SIGKILL'), 30_000)
    const code = await this.#exit
    clearTimeout(timer)
    this.#child = undefined
    return code
  }

  tare(args: readonly string[], options?: CommandOptions): Promise<CommandResult> {
    return run([launcher, '-H', this.host, ...args], options)
  }

  docker(args: readonly string[], options?: CommandOptions): Promise<CommandResult> {
    const env = { DOCKER_CONFIG: join(this.root, 'docker-config'), ...options?.env }
    return run(['docker', '-H', this.host, ...args], { ...options, env })
  }

  /** The names under which this daemon's doings can be found on the host. */
  #noteWords(): void {
    const instance = instanceName(this.dataRoot, this.execRoot)
    for (const word of [this.root, this.dataRoot, instance, `${this.subnet}.`, `${this.#poolBase}.`])
      this.#words.add(word)
    try {
      for (const id of readdirSync(join(this.dataRoot, 'containers'))) this.#words.add(id)
    } catch {
      // It never came as far.
    }
  }

  /** What can still be found of this daemon and its containers. */
  remains(): string[] {
    return remainsOf([...this.#words])
  }

  async #removeContainers(): Promise<void> {
    this.#noteWords()
    const containers = await this.client.get<{ Id: string }[]>('/containers/json', { all: 1 })
    for (const { Id } of containers.body) await this.client.delete(`/containers/${Id}`, { force: 1, v: 1 })
  }

  async #end(): Promise<void> {
    this.#child?.kill('SIGTERM')
    await this.#gone()
    rmSync(this.root, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      // Killed in the test, its containers may still run: only a daemon can clear them away.
      if (!this.#child) await this.start()
      await this.#removeContainers()
      const code = await this.stop()
      const left = this.remains()
      if (code !== 0) throw new Error(`the daemon ended with ${code}:\n${this.log().slice(-4000)}`)
      if (left.length > 0) throw new Error(`the daemon left behind:\n${left.join('\n')}`)
    } finally {
      await this.#end()
    }
  }
}
