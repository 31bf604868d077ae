import { Readable } from 'node:stream'
import type { JsonMessage } from '../api/image.ts'
import { internal, invalidArgument, messageOf } from '../errdefs.ts'
import { progressBar } from './progress-bar.ts'

/** Milliseconds between two messages of progress. */
const PROGRESS_INTERVAL = 100

/** Downloads an archive for `import`, and tells how far it is. InvalidArgument for what is no URL; Internal when it does not come. */
export const fetchArchive = async (
  text: string,
  onMessage: (message: JsonMessage) => void,
  signal: AbortSignal,
): Promise<Readable> => {
  // As dockerd: a name alone is one of the web.
  const url = URL.parse(text.includes('://') ? text : `http://${text}`)
  if (!url || !['http:', 'https:'].includes(url.protocol))
    throw invalidArgument(`invalid source URL ${JSON.stringify(text)}: only http and https can be imported from`)
  onMessage({ status: `Downloading from ${url.href}` })
  const response = await fetch(url, { signal }).catch(error => {
    const cause = error instanceof Error && error.cause ? messageOf(error.cause) : messageOf(error)
    throw internal(`Get ${JSON.stringify(url.href)}: ${cause}`, { cause: error })
  })
  if (!response.ok || !response.body) {
    await response.body?.cancel()
    throw internal(`got HTTP status code ${response.status} for ${url.href}`)
  }
  const total = Number(response.headers.get('content-length') ?? 0)
  return Readable.from(counted(Readable.fromWeb(response.body), total, onMessage), { objectMode: false })
}

async function* counted(
  body: Readable,
  total: number,
  onMessage: (message: JsonMessage) => void,
): AsyncGenerator<Buffer> {
  let current = 0
  let last = Number.NEGATIVE_INFINITY
  for await (const chunk of body as AsyncIterable<Buffer>) {
    yield chunk
    current += chunk.length
    const now = performance.now()
    if (now - last < PROGRESS_INTERVAL && current !== total) continue
    last = now
    onMessage({ status: 'Importing', progressDetail: { current, total }, progress: progressBar(current, total) })
  }
}
