import type { CheckedKind, CheckMessage, CheckProblem } from '../api/system-check.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { Reference } from '../oci/reference.ts'
import type { ContentStore } from '../storage/content/content-store.ts'
import type { Snapshotter } from '../storage/snapshots/snapshotter.ts'
import type { BlobLeases } from './blob-leases.ts'
import type { CheckThread } from './check-thread.ts'
import type { ImageUser } from './image.ts'
import type { ImageRecorder } from './image-recorder.ts'
import type { ImageTable } from './image-table.ts'
import type { LayerStore } from './layer-store.ts'

export type CheckParts = {
  readonly content: ContentStore
  readonly layers: LayerStore
  readonly leases: BlobLeases
  readonly recorder: ImageRecorder
  readonly table: ImageTable
  readonly snapshotter: Snapshotter
  readonly inUse: (image: Digest) => readonly ImageUser[]
  /** Fetches a blob again into the content store from where it once came, verified. Says from where; undefined when nobody has it. */
  readonly refetch: (blob: Descriptor, hints: RefetchHints, signal: AbortSignal) => Promise<string | undefined>
}

/** Where a blob may be had besides the places that are noted for it. */
export type RefetchHints = {
  /** A blob that came together with it. */
  readonly beside?: Digest
  /** Its own repository. */
  readonly repository?: Reference
}

/** What other rooms say is theirs on this disk. */
export type CheckedFacts = {
  /** The path of the database. */
  readonly database: string
  readonly containers: readonly { readonly id: string; readonly name: string; readonly running: boolean }[]
  readonly volumes: readonly { readonly name: string; readonly path: string }[]
}

export type CheckOptions = {
  readonly repair: boolean
  readonly signal: AbortSignal
  readonly onMessage: (message: CheckMessage) => void
  /** Asked when it is their turn: what came and went meanwhile is seen as it is then. */
  readonly facts: () => Promise<CheckedFacts>
}

/** How a problem ended, or would end. */
export type Repair = { readonly repair: string; readonly repaired: boolean }

/** One run of a check: what it works with, and what it has found so far. */
export class CheckRun {
  readonly parts: CheckParts
  readonly thread: CheckThread
  readonly repair: boolean
  readonly signal: AbortSignal
  readonly facts: () => Promise<CheckedFacts>
  readonly #tell: (message: CheckMessage) => void
  #problems = 0
  #repaired = 0
  blobs = 0
  layers = 0
  /** Something was let go that only a collection takes away. */
  needsCollection = false

  constructor(parts: CheckParts, thread: CheckThread, options: CheckOptions) {
    this.parts = parts
    this.thread = thread
    this.repair = options.repair
    this.signal = options.signal
    this.facts = options.facts
    this.#tell = options.onMessage
  }

  checked(Kind: CheckedKind, Id: string): void {
    this.#tell({ Checked: { Kind, Id } })
  }

  problem(Kind: CheckedKind, Id: string, Detail: string, { repair, repaired }: Repair): void {
    this.#problems++
    if (repaired) this.#repaired++
    const Problem: CheckProblem = { Kind, Id, Detail, Repair: repair, Repaired: repaired }
    this.#tell({ Problem })
  }

  end(): void {
    const { blobs, layers } = this
    this.#tell({ Summary: { Blobs: blobs, Layers: layers, Problems: this.#problems, Repaired: this.#repaired } })
  }
}
