import { conflict } from '../errdefs.ts'
import type { Events } from '../events.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { type Reference, repositoryName } from '../oci/reference.ts'
import type { BlobSources } from './blob-sources.ts'
import type { CheckOptions, CheckParts, RefetchHints } from './check-parts.ts'
import type { Distribution } from './distribution.ts'

type Parts = Omit<CheckParts, 'refetch'> & {
  readonly events: Events
  readonly sources: BlobSources
  readonly distribution: () => Distribution | undefined
}

/** What keeps the store of images whole. Its work is loaded when it is asked for. */
export class ImageUpkeep {
  readonly #parts: Parts
  #checking = false

  constructor(parts: Parts) {
    this.#parts = parts
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

  readonly #refetch = async (
    blob: Descriptor,
    { beside, repository }: RefetchHints,
    signal: AbortSignal,
  ): Promise<string | undefined> => {
    const { sources, distribution } = this.#parts
    const found = [
      ...sources.of(blob.digest),
      ...(beside ? sources.of(beside) : []),
      ...(repository ? [repository] : []),
    ]
    const places = new Map<string, Reference>(found.map(source => [repositoryName(source), source]))
    return distribution()?.refetch(blob, [...places.values()].map(repositoryOf), signal)
  }
}

const repositoryOf = (reference: Reference): Reference => ({ ...reference, tag: undefined, digest: undefined })
