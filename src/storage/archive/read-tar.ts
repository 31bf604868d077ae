import { invalidArgument } from '../../errdefs.ts'
import { toText } from './byte-string.ts'
import type { TarEntry } from './tar-entry.ts'
import { TarReader } from './tar-reader.ts'

/** One member of an archive and its bytes. The bytes pass by: read them before asking for the next member, or not at all. */
export type TarMember = { readonly entry: TarEntry; readonly body: AsyncGenerator<Buffer> }

type Step = TarEntry | Buffer | 'end'

/** Reads an uncompressed tar member by member, for those who look into archives without unpacking them. */
export async function* readTar(tar: AsyncIterable<Uint8Array>): AsyncGenerator<TarMember> {
  let steps: Step[] = []
  const reader = new TarReader({
    entry: entry => {
      // Its holes could be of any size, and whoever reads bodies keeps them.
      if (entry.extents) throw invalidArgument(`${toText(entry.path)}: a sparse member cannot be read here`)
      steps.push(entry)
    },
    data: chunk => void steps.push(chunk),
    end: () => void steps.push('end'),
  })
  const next = steppedThrough(tar, reader, () => {
    const taken = steps
    steps = []
    return taken
  })
  for (;;) {
    const { done, value } = await next.next()
    if (done) return
    if (value === 'end' || Buffer.isBuffer(value)) continue
    const body = bodyOf(next)
    yield { entry: value, body }
    // Whatever of it was not read.
    for await (const _ of body);
  }
}

async function* steppedThrough(
  tar: AsyncIterable<Uint8Array>,
  reader: TarReader,
  take: () => Step[],
): AsyncGenerator<Step, void> {
  for await (const chunk of tar) {
    reader.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    yield* take()
  }
  reader.finish()
}

async function* bodyOf(steps: AsyncGenerator<Step, void>): AsyncGenerator<Buffer> {
  for (;;) {
    const { done, value } = await steps.next()
    if (done || !Buffer.isBuffer(value)) return
    yield value
  }
}
