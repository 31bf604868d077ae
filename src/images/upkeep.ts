import type { ImageGcResponse } from '../api/image-gc.ts'
import type { Database } from '../database.ts'
import { conflict } from '../errdefs.ts'
import type { Event, Events } from '../events.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { type Reference, repositoryName } from '../oci/reference.ts'
import type { BlobSources } from './blob-sources.ts'
import type { CheckOptions, CheckParts, RefetchHints } from './check-parts.ts'
import type { Distribution } from './distribution.ts'
import type { GcPolicy } from './gc-plan.ts'
import { ImageUse } from './image-use.ts'

type Parts = Omit<CheckParts, 'refetch'> & {
  readonly database: Database
  readonly events: Events
  readonly sources: BlobSources
  readonly distribution: () => Distribution | undefined
  /** The images that a name or id stands for. */
  readonly find: (nameOrId: string) => readonly { readonly id: Digest }[]
}

/** What happens to an image that is used. */
const USES: ReadonlySet<string> = new Set(['create', 'import', 'load', 'pull', 'push', 'save', 'tag'])

/** What keeps the store of images whole and small: checks, repairs, pins, collection. Its work is loaded when it is asked for. */
export class ImageUpkeep implements Disposable {
  readonly #parts: Parts
  readonly #use: ImageUse
  readonly #subscription: Disposable
  #checking = false
  #collecting: Promise<ImageGcResponse> | undefined

  constructor(parts: Parts) {
    this.#parts = parts
    this.#use = new ImageUse(parts.database)
    this.#use.retain(new Set(parts.table.ids()))
    this.#subscription = parts.events.subscribe(event => this.#notice(event))
  }

  /** See `checkStorage`. Conflict while another check goes on. */
  async check(options: CheckOptions): Promise<void> {
    if (this.#checking) throw conflict('a check of the storage is already running')
    this.#checking = true
    try {
      const { checkStorage } = await import('./check.ts')
      await checkStorage({ ...this.#parts, refetch: this.#refetch }, options)
    } finally {
      this.#checking = false
    }
  }

  /** What collection would remove now. */
  async planCollection(policy: GcPolicy): Promise<ImageGcResponse> {
    const { describeGc } = await import('./gc.ts')
    return describeGc({ ...this.#parts, use: this.#use }, policy)
  }

  /** Removes what the policy lets go; one collection at a time, and a second waits for the first. */
  async collect(policy: GcPolicy): Promise<ImageGcResponse> {
    while (this.#collecting) await this.#collecting.catch(() => {})
    const { collectGarbage } = await import('./gc.ts')
    this.#collecting = collectGarbage({ ...this.#parts, use: this.#use }, policy)
    try {
      return await this.#collecting
    } finally {
      this.#collecting = undefined
    }
  }

  /** Bytes that images take: the files of their layers, what they share once, and the blobs beside them. */
  usage(): { readonly layers: number; readonly blobs: number } {
    const { content, layers, table } = this.#parts
    const sizes = new Map<Digest, number>()
    const blobs = new Map<Digest, number>()
    for (const { id, manifest, diffIds } of table.images()) {
      for (const diffId of diffIds) sizes.set(diffId, layers.find(diffId)?.size ?? 0)
      blobs.set(manifest.digest, manifest.size)
      if (content.has(id)) blobs.set(id, content.size(id))
    }
    for (const { target } of table.names()) if (target) blobs.set(target.digest, target.size)
    for (const layer of layers.all()) for (const { digest, size } of layer.blobs) blobs.set(digest, size)
    return { layers: total(sizes), blobs: total(blobs) }
  }

  isPinned(image: Digest): boolean {
    return this.#use.isPinned(image)
  }

  /** Keeps images from being collected. Removing one by hand is still possible. */
  pin(images: readonly Digest[]): void {
    for (const image of images) this.#use.pin(image)
  }

  unpin(images: readonly Digest[]): void {
    for (const image of images) this.#use.unpin(image)
  }

  /** An image is used, and so are those that it was built on. */
  touch(image: Digest): void {
    const { table } = this.#parts
    const row = table.image(image)
    if (!row || !this.#use.touch(image)) return
    const { length } = row.diffIds
    for (const { id, diffIds } of table.images()) {
      const isBelow = diffIds.length > 0 && diffIds.length < length
      if (isBelow && diffIds.every((diffId, at) => diffId === row.diffIds[at])) this.#use.touch(id)
    }
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]()
  }

  #notice({ Type, Action, Actor }: Event): void {
    if (Type === 'container' && Action === 'create') this.#touchNamed(Actor.Attributes.image)
    else if (Type === 'image' && USES.has(Action)) this.#touchNamed(Actor.ID)
    else if (Type === 'image' && Action === 'delete') this.#use.forget(Actor.ID as Digest)
  }

  #touchNamed(name: string | undefined): void {
    try {
      for (const { id } of name ? this.#parts.find(name) : []) this.touch(id)
    } catch {
      // What others call an image need not be a name that it has here.
    }
  }

  readonly #refetch = async (
    blob: Descriptor,
    { beside, repository }: RefetchHints,
    signal: AbortSignal,
  ): Promise<string | undefined> => {
    const { sources, distribution } = this.#parts
    const noted = [...sources.of(blob.digest), ...(beside ? sources.of(beside) : [])]
    const places = new Map(
      [...noted, ...(repository ? [repository] : [])].map(source => [repositoryName(source), bare(source)]),
    )
    return distribution()?.refetch(blob, [...places.values()], signal)
  }
}

const total = (sizes: ReadonlyMap<Digest, number>): number => [...sizes.values()].reduce((sum, size) => sum + size, 0)

/** The repository alone. */
const bare = (reference: Reference): Reference => ({ ...reference, tag: undefined, digest: undefined })
