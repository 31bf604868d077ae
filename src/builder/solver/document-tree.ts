import { createHash } from 'node:crypto'
import { type ByteString, fromText } from '../../storage/archive/byte-string.ts'
import { NO_XATTRS } from '../../storage/archive/tar-entry.ts'
import type { SourceEntry, SourceTree } from './source-tree.ts'

/** The here-documents of one COPY: files that stand in the Dockerfile. */
export class DocumentTree implements SourceTree {
  readonly #contents: ReadonlyMap<ByteString, Buffer>
  readonly #mtime: bigint

  /** `mtime`: nanoseconds since the epoch. */
  constructor(documents: readonly { readonly name: string; readonly content: string }[], mtime: bigint) {
    this.#contents = new Map(documents.map(({ name, content }) => [fromText(name), Buffer.from(content)]))
    this.#mtime = mtime
  }

  resolve(path: ByteString): ByteString | undefined {
    return this.#contents.has(path) ? path : undefined
  }

  entry(path: ByteString): SourceEntry | undefined {
    const content = this.#contents.get(path)
    if (content === undefined) return undefined
    return {
      type: 'file',
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: content.length,
      mtime: this.#mtime,
      linkTarget: '',
      xattrs: NO_XATTRS,
    }
  }

  names(): readonly ByteString[] {
    return [...this.#contents.keys()]
  }

  digest(path: ByteString): string {
    return createHash('sha256')
      .update(this.#contents.get(path) ?? '')
      .digest('hex')
  }

  read(path: ByteString, buffer: Buffer, position: number): number {
    return this.#contents.get(path)?.copy(buffer, 0, position) ?? 0
  }
}
