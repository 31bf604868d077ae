import { readdirSync } from 'node:fs'
import { posix } from 'node:path'
import type { Readable } from 'node:stream'
import type { ByteString } from './byte-string.ts'
import { componentsOf, RootedTree, selfPath } from './rooted-tree.ts'
import type { TarEntry } from './tar-entry.ts'
import { TarReader, type TarSink } from './tar-reader.ts'
import { Unpacker } from './unpacker.ts'
import { OPAQUE_MARKER, WHITEOUT_PREFIX } from './whiteout.ts'

/**
 * Makes a tree what a layer on top of it makes of it: first goes what the layer hides, then comes what it has. `open` gives the
 * layer's plain tar, and is called twice. InvalidArgument for a broken archive.
 */
export const mergeLayer = async (root: string, open: () => Promise<Readable>, signal: AbortSignal): Promise<void> => {
  await read(await open(), new Hiding(root), signal)
  using unpacker = new Unpacker(root)
  await read(await open(), new Showing(unpacker), signal)
  unpacker.finish()
}

const read = async (tar: Readable, sink: TarSink, signal: AbortSignal): Promise<void> => {
  const reader = new TarReader(sink)
  for await (const chunk of tar) {
    signal.throwIfAborted()
    reader.push(chunk as Buffer)
  }
  reader.finish()
}

const isMarker = (path: ByteString): boolean => posix.basename(path).startsWith(WHITEOUT_PREFIX)

class Hiding implements TarSink {
  readonly #root: string

  constructor(root: string) {
    this.#root = root
  }

  entry({ path }: TarEntry): void {
    if (!isMarker(path)) return
    using tree = new RootedTree(this.#root)
    const components = componentsOf(path)
    const marker = components.pop() as ByteString
    const parent = tree.directory(components)
    const gone =
      marker === OPAQUE_MARKER
        ? readdirSync(selfPath(parent.fd), 'latin1')
        : marker.startsWith(`${WHITEOUT_PREFIX}${WHITEOUT_PREFIX}`)
          ? []
          : [marker.slice(WHITEOUT_PREFIX.length)]
    for (const name of gone) tree.remove(tree.directory(components), name)
  }

  data(): void {}
  end(): void {}
}

class Showing implements TarSink {
  readonly #unpacker: Unpacker
  #skips = false

  constructor(unpacker: Unpacker) {
    this.#unpacker = unpacker
  }

  entry(entry: TarEntry): void {
    this.#skips = isMarker(entry.path)
    if (!this.#skips) this.#unpacker.entry(entry)
  }

  data(chunk: Buffer, position: number): void {
    if (!this.#skips) this.#unpacker.data(chunk, position)
  }

  end(): void {
    if (!this.#skips) this.#unpacker.end()
  }
}
