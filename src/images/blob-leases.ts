import type { Digest } from '../oci/digest.ts'
import type { ContentStore } from '../storage/content/content-store.ts'

/**
 * Keeps blobs that somebody is working with, and removes those that nobody needs any more. Leases live in memory: what
 * was leased when the daemon died is swept at its next start.
 */
export class BlobLeases {
  readonly #content: ContentStore
  readonly #isRecorded: (digest: Digest) => boolean
  readonly #held = new Map<Digest, number>()

  constructor(content: ContentStore, isRecorded: (digest: Digest) => boolean) {
    this.#content = content
    this.#isRecorded = isRecorded
  }

  /** Collects leases, and ends them together. */
  open(): BlobLease {
    const digests: Digest[] = []
    return {
      hold: digest => {
        digests.push(digest)
        this.#held.set(digest, (this.#held.get(digest) ?? 0) + 1)
      },
      [Symbol.dispose]: () => {
        for (const digest of digests.splice(0)) this.#release(digest)
      },
    }
  }

  /** Whether something that is recorded consists of this blob. */
  isRecorded(digest: Digest): boolean {
    return this.#isRecorded(digest)
  }

  isHeld(digest: Digest): boolean {
    return this.#held.has(digest)
  }

  /** Removes a blob unless somebody holds it or it is recorded. */
  discard(digest: Digest): void {
    if (!this.#held.has(digest) && !this.#isRecorded(digest)) this.#content.remove(digest)
  }

  #release(digest: Digest): void {
    const count = (this.#held.get(digest) ?? 1) - 1
    if (count > 0) this.#held.set(digest, count)
    else {
      this.#held.delete(digest)
      this.discard(digest)
    }
  }
}

export type BlobLease = Disposable & { hold(digest: Digest): void }
