import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { TestDaemon } from './daemon.ts'
import { FakeRegistry } from './fake-registry.ts'
import {
  pull,
  type StoredFiles,
  storedFiles,
  succeeded,
  type Transfer,
  type TransferOptions,
} from './image-transfer.ts'
import type { MadeImage } from './layer-image.ts'
import { until } from './until.ts'

/** Downloads that can go on later are no rubbish, and the list of images is written through a file of its own. */
const lasting = ({ blobs, snapshots }: StoredFiles) => ({ blobs, snapshots, ingest: [] })

export type FaultyPull = {
  readonly image: MadeImage
  /** What the error has to say. */
  readonly words: RegExp
  readonly options?: TransferOptions
  /** What is wrong this time; nothing when the image itself is. */
  readonly spoil?: () => void
  /** What can be pulled under the name afterwards, instead of the image. */
  readonly cure?: MadeImage
}

/** A daemon, and a registry in this process for it to pull from. */
export class FaultBench implements AsyncDisposable {
  readonly daemon: TestDaemon
  readonly registry: FakeRegistry

  private constructor(daemon: TestDaemon, registry: FakeRegistry) {
    this.daemon = daemon
    this.registry = registry
  }

  static async start(flags: readonly string[] = []): Promise<FaultBench> {
    const registry = await FakeRegistry.start()
    try {
      return new FaultBench(await TestDaemon.start({ busybox: false, flags }), registry)
    } catch (error) {
      await registry[Symbol.asyncDispose]()
      throw error
    }
  }

  pull(path: string, options: TransferOptions = {}): Promise<Transfer> {
    return pull(this.daemon.client, `${this.registry.host}/${path}`, { tag: '1', ...options })
  }

  /** The id of what has this name here. */
  async idOf(path: string): Promise<string | undefined> {
    const { status, body } = await this.daemon.client.get<{ Id: string }>(
      `/images/${this.registry.host}/${path}:1/json`,
    )
    return status === 200 ? body.Id : undefined
  }

  #ingest(): readonly string[] {
    return storedFiles(this.daemon.dataRoot).ingest
  }

  /** Nothing is stored but what was before; half-done downloads may wait to go on. */
  async assertStored(before: StoredFiles): Promise<void> {
    const expected = lasting(before)
    const now = () => ({ ...lasting(storedFiles(this.daemon.dataRoot)), ingest: this.#ingest() })
    // Trees go after the answer was given.
    await until('rubbish to go', () => JSON.stringify(now()) === JSON.stringify(expected), 5000).catch(() => {})
    assert.deepEqual(now(), expected)
  }

  /** Resolves when so many bytes of layers wait half done on disk. */
  received(bytes: number): Promise<void> {
    const folder = join(this.daemon.dataRoot, 'content/partial')
    const size = () =>
      storedFiles(this.daemon.dataRoot).partial.reduce(
        (sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
        0,
      )
    return until(`${bytes} bytes to come`, () => size() >= bytes)
  }

  /** Pulls, removes again, and nothing is left of it: what a pull brought belongs to its image. */
  async assertPulls(path: string, image: MadeImage, options: TransferOptions = {}): Promise<Transfer> {
    const before = storedFiles(this.daemon.dataRoot)
    const answer = succeeded(await this.pull(path, options))
    assert.equal(await this.idOf(path), image.id)
    const removed = await this.daemon.client.delete(`/images/${this.registry.host}/${path}:1`, { force: 1 })
    assert.equal(removed.status, 200, removed.text)
    await this.assertStored(before)
    return answer
  }

  /** The pull fails in these words and leaves nothing; once the registry is well it succeeds. */
  async assertFault(path: string, { image, words, options, spoil, cure = image }: FaultyPull): Promise<Transfer> {
    const { daemon, registry } = this
    registry.add(path, '1', image)
    const before = storedFiles(daemon.dataRoot)
    spoil?.()
    const answer = await this.pull(path, options)
    assert.match(answer.error ?? '', words)
    assert.equal(await this.idOf(path), undefined, 'no partial image')
    await this.assertStored(before)

    registry.heal()
    registry.add(path, '1', cure)
    await this.assertPulls(path, cure, options)
    return answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]()
    await this.daemon[Symbol.asyncDispose]()
  }
}
