import type { Descriptor, Index, Manifest } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'

/** What a manifest or an index names. */
type Children = { readonly manifests: readonly Descriptor[]; readonly blobs: readonly Descriptor[] }

/** So many manifests are kept parsed; they never change. */
const KEPT = 512
/** Indexes in indexes are allowed; nobody nests them deeper. */
const DEPTH = 4

/** Finds what can be reached from a repository's names: nothing else is anybody's business. */
export class Reach {
  readonly #read: (digest: Digest) => Buffer | undefined
  readonly #parsed = new Map<Digest, Children>()

  /** `read` gives a manifest's bytes; undefined when it is not here. */
  constructor(read: (digest: Digest) => Buffer | undefined) {
    this.#read = read
  }

  manifest(targets: readonly Descriptor[], digest: Digest): Descriptor | undefined {
    return this.#search(targets, target => (target.digest === digest ? target : undefined))
  }

  blob(targets: readonly Descriptor[], digest: Digest): Descriptor | undefined {
    return this.#search(targets, target => this.#children(target).blobs.find(blob => blob.digest === digest))
  }

  #search(
    targets: readonly Descriptor[],
    match: (manifest: Descriptor) => Descriptor | undefined,
    seen = new Set<Digest>(),
    depth = 0,
  ): Descriptor | undefined {
    for (const target of targets) {
      if (seen.has(target.digest)) continue
      seen.add(target.digest)
      const found =
        match(target) ??
        (depth < DEPTH ? this.#search(this.#children(target).manifests, match, seen, depth + 1) : undefined)
      if (found) return found
    }
    return undefined
  }

  #children({ digest }: Descriptor): Children {
    const known = this.#parsed.get(digest)
    if (known) return known
    const bytes = this.#read(digest)
    // One that is not here may come.
    if (!bytes) return { manifests: [], blobs: [] }
    const { manifests = [], config, layers = [] } = JSON.parse(bytes.toString()) as Partial<Index & Manifest>
    const children = { manifests, blobs: config ? [config, ...layers] : layers }
    if (this.#parsed.size >= KEPT) this.#parsed.clear()
    this.#parsed.set(digest, children)
    return children
  }
}
