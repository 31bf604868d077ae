import type { Readable } from 'node:stream'
import { invalidArgument } from '../errdefs.ts'
import type { Digest } from '../oci/digest.ts'
import { toText } from '../storage/archive/byte-string.ts'
import { decompress } from '../storage/archive/decompress.ts'
import { readTar } from '../storage/archive/read-tar.ts'
import { componentsOf } from '../storage/archive/rooted-tree.ts'
import type { ContentStore } from '../storage/content/content-store.ts'
import type { BlobLease } from './blob-leases.ts'

/** A file of an archive, as it lies in the content store now. */
export type StoredFile = { readonly digest: Digest; readonly size: number }

/** An archive's files by path; links are followed. */
export class ArchiveFiles {
  readonly #files = new Map<string, StoredFile>()
  readonly #links = new Map<string, string>()
  readonly #content: ContentStore
  readonly #lease: BlobLease

  /** What is read stays while the lease is held. */
  constructor(content: ContentStore, lease: BlobLease) {
    this.#content = content
    this.#lease = lease
  }

  /** Takes in all files of an archive, compressed or not. */
  async read(archive: Readable, signal?: AbortSignal): Promise<void> {
    const { stream } = await decompress(archive)
    for await (const { entry, body } of readTar(stream)) {
      const path = normal(toText(entry.path))
      if (entry.type === 'file') {
        const stored = await this.#content.ingestChunks(body, { size: entry.size }, signal)
        this.#lease.hold(stored.digest)
        this.#files.set(path, stored)
      } else if (entry.type === 'symlink' || entry.type === 'hardlink') {
        const target = toText(entry.linkTarget)
        const folder = path.slice(0, path.lastIndexOf('/') + 1)
        this.#links.set(
          path,
          normal(entry.type === 'symlink' && !target.startsWith('/') ? `${folder}${target}` : target),
        )
      }
    }
  }

  find(path: string): StoredFile | undefined {
    let name = normal(path)
    // Old archives name a layer twice by a link; a chain of them is a joke or an attack.
    for (let hops = 0; hops < 8; hops++) {
      const found = this.#files.get(name)
      if (found) return found
      const target = this.#links.get(name)
      if (target === undefined) return undefined
      name = target
    }
    return undefined
  }

  get(path: string): StoredFile {
    const found = this.find(path)
    if (!found) throw invalidArgument(`invalid archive: ${path}: no such file`)
    return found
  }

  json(file: StoredFile, what: string): unknown {
    if (file.size > 8 << 20) throw invalidArgument(`invalid archive: ${what} is too large`)
    try {
      return JSON.parse(this.#content.readSync(file.digest).toString())
    } catch (error) {
      if (error instanceof SyntaxError)
        throw invalidArgument(`invalid archive: ${what}: ${error.message}`, { cause: error })
      throw error
    }
  }
}

const normal = (path: string): string => componentsOf(path).join('/')
