import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { importBusybox } from '../test/harness/busybox-image.ts'
import { TestDaemon } from '../test/harness/daemon.ts'
import { expectStatus, HttpClient } from '../test/harness/http-client.ts'
import { loopFile } from './image-measures.ts'

/** An engine that runs, with nothing in it but `busybox:latest`. */
export type Engine = AsyncDisposable & {
  readonly name: string
  readonly version: string
  /** As `docker -H` takes it. */
  readonly host: string
  readonly client: HttpClient
  /** Each of its processes has this folder in its command line: its daemons, and what watches a container. */
  readonly folder: string
  /** Of the daemon that says how long its main thread was blocked. */
  readonly pid?: number
}

const versionOf = async (client: HttpClient): Promise<string> =>
  expectStatus(await client.get<{ Version: string }>('/version'), 200).Version.replace(/\+.*/, '')

const startTare = async (): Promise<Engine> => {
  const preload = `--import=${join(import.meta.dirname, 'loop-delay.mjs')}`
  const daemon = await TestDaemon.start({ env: { NODE_OPTIONS: preload, TARE_BENCH_LOOP: loopFile() } })
  const { host, client, root } = daemon
  return {
    name: 'Tare',
    version: await versionOf(client),
    host,
    client,
    folder: root,
    pid: daemon.pid,
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  }
}

const peers = join(import.meta.dirname, 'peers')

const startPeer = async (name: 'Docker' | 'Podman'): Promise<Engine> => {
  execFileSync(peers, ['setup'], { stdio: 'inherit' })
  const folder = mkdtempSync(`/tmp/${name[0]?.toLowerCase()}`)
  const kind = name.toLowerCase()
  const stop = () => {
    execFileSync(peers, ['stop', folder])
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    execFileSync(peers, [kind, folder], { stdio: ['ignore', 'ignore', 'inherit'] })
    const socketPath = join(folder, `${kind}.sock`)
    const client = new HttpClient(socketPath)
    await importBusybox(client)
    return {
      name,
      version: await versionOf(client),
      host: `unix://${socketPath}`,
      client,
      folder,
      async [Symbol.asyncDispose]() {
        const { body } = await client.get<{ Id: string }[]>('/containers/json', { all: 1 })
        for (const { Id } of body) await client.delete(`/containers/${Id}`, { force: 1 })
        stop()
      },
    }
  } catch (error) {
    stop()
    throw error
  }
}

export const ENGINES: Readonly<Record<string, () => Promise<Engine>>> = {
  tare: startTare,
  docker: () => startPeer('Docker'),
  podman: () => startPeer('Podman'),
}
