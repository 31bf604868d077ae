import type { Readable } from 'node:stream'
import type { Descriptor } from '../oci/descriptor.ts'
import { ChunkSource } from './chunk-source.ts'
import { RegistryError } from './registry-error.ts'
import { pauseAfter } from './retry.ts'
import type { Session } from './session.ts'
import type { HttpResponse } from './transport.ts'

/** Up to this a blob goes with the request that ends its upload. */
const SMALL = 4 * 1024 * 1024
/** What one PATCH carries of a larger one. A broken connection costs what the registry forgets of one. */
const CHUNK = 64 * 1024 * 1024
/** How often a token may end in the middle of one blob. */
const MOST_RENEWALS = 16

export type Upload = {
  readonly session: Session
  /** `/v2/NAME` */
  readonly root: string
  readonly scopes: readonly string[]
  readonly descriptor: Descriptor
  readonly open: (offset: number) => Readable
  /** An upload that the registry has opened already. */
  readonly location?: URL | undefined
  readonly attempts: number
  /** Bytes that one PATCH carries at most. */
  readonly chunkSize?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((bytes: number) => void) | undefined
}

const isSuccess = (status: number): boolean => status >= 200 && status < 300

/** Where the upload goes on. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-a-blob-in-chunks */
export const locationOf = (response: HttpResponse): URL => {
  const { location } = response.headers
  if (location === undefined || !URL.canParse(location, response.url.href)) {
    throw new RegistryError('missing or invalid Location header in response', { status: response.status })
  }
  return new URL(location, response.url)
}

/** Bytes that the registry has: `0-N` names the last one. It says `0-0` for none as well. */
const receivedBytes = (response: HttpResponse): number | undefined => {
  const last = /^(?:bytes=)?0-(\d+)$/.exec(response.headers.range ?? '')?.[1]
  return last === undefined ? undefined : last === '0' ? 0 : Number(last) + 1
}

const openUpload = async ({ session, root, scopes, signal }: Upload): Promise<URL> => {
  await using response = await session.request({
    ...{ method: 'POST', target: `${root}/blobs/uploads/`, scopes, signal, attempts: 1 },
    body: new Uint8Array(0),
    expected: isSuccess,
  })
  return locationOf(response)
}

/** A registry that takes no parts says so with one of these. */
const refusesParts = (error: unknown): boolean =>
  error instanceof RegistryError && [400, 405, 411, 413, 415, 416, 501].includes(error.status ?? 0)

class BlobUpload {
  readonly #upload: Upload
  readonly #source: ChunkSource
  readonly #chunk: number
  #location: URL | undefined
  #offset = 0
  /** The registry may have more or less than we think. */
  #isUncertain = false

  constructor(upload: Upload, source: ChunkSource, chunk: number) {
    this.#upload = upload
    this.#source = source
    this.#chunk = chunk
    this.#location = upload.location
  }

  get offset(): number {
    return this.#offset
  }

  /** Sends what the registry has not got, from wherever an earlier call left off. */
  async run(): Promise<void> {
    const { descriptor } = this.#upload
    if (this.#isUncertain && (await this.#recover()) === 'done') return
    this.#isUncertain = true
    this.#location ??= await openUpload(this.#upload)
    if (descriptor.size > SMALL) {
      while (this.#offset < descriptor.size) await this.#patch(this.#location)
      await this.#commit(this.#location, 0)
    } else {
      await this.#commit(this.#location, descriptor.size)
    }
  }

  async #patch(location: URL): Promise<void> {
    const { descriptor } = this.#upload
    const begin = this.#offset
    const length = Math.min(this.#chunk, descriptor.size - begin)
    const isPart = length < descriptor.size
    await using response = await this.#send('PATCH', location, length, {
      'Content-Type': 'application/octet-stream',
      ...(isPart && { 'Content-Range': `${begin}-${begin + length - 1}` }),
    })
    this.#location = locationOf(response)
    this.#offset = Math.min(receivedBytes(response) ?? begin + length, descriptor.size)
    if (this.#offset <= begin) throw new RegistryError('the registry took no byte of the blob', { code: 'ECONNRESET' })
  }

  async #commit(location: URL, length: number): Promise<void> {
    const url = new URL(location)
    url.searchParams.set('digest', this.#upload.descriptor.digest)
    await using _ = await this.#send('PUT', url, length, { 'Content-Type': 'application/octet-stream' })
  }

  async #send(method: string, target: URL, length: number, headers: Record<string, string>): Promise<HttpResponse> {
    const { session, scopes, signal } = this.#upload
    const body = length === 0 ? new Uint8Array(0) : { length, chunks: this.#reported(length) }
    const timeout = session.endpoint.transport.timeouts.store
    return await session.request({
      method,
      target,
      headers,
      scopes,
      signal,
      body,
      timeout,
      attempts: 1,
      expected: isSuccess,
    })
  }

  async *#reported(length: number): AsyncGenerator<Uint8Array> {
    let sent = this.#offset
    for await (const chunk of this.#source.take(sent, length)) {
      yield chunk
      sent += chunk.byteLength
      this.#upload.onProgress?.(sent)
    }
  }

  /** Asks how far the registry is. An upload that it knows no more was finished, or has to begin anew. */
  async #recover(): Promise<'done' | 'goes on'> {
    const { session, root, scopes, signal, descriptor } = this.#upload
    const ask = { scopes, signal, attempts: 1, expected: (status: number) => isSuccess(status) || status === 404 }
    const location = this.#location
    if (location !== undefined) {
      await using response = await session.request({ ...ask, method: 'GET', target: location })
      const received = receivedBytes(response)
      if (
        isSuccess(response.status) &&
        received !== undefined &&
        received <= descriptor.size &&
        descriptor.size > SMALL
      ) {
        this.#offset = received
        if (response.headers.location !== undefined) this.#location = locationOf(response)
        return 'goes on'
      }
    }
    await using blob = await session.request({ ...ask, method: 'HEAD', target: `${root}/blobs/${descriptor.digest}` })
    if (isSuccess(blob.status)) return 'done'
    this.#location = undefined
    this.#offset = 0
    return 'goes on'
  }
}

/**
 * Brings a blob to the registry, in parts, each try from the last byte that the registry has. RegistryError when it will not have
 * it; what reading the blob threw.
 */
export const uploadBlob = async (upload: Upload): Promise<void> => {
  using source = new ChunkSource(upload.open)
  const { chunkSize = CHUNK } = upload
  let blob = new BlobUpload(upload, source, chunkSize)
  let inParts = upload.descriptor.size > chunkSize
  let renewals = 0
  let farthest = 0
  for (let attempt = 1; ; attempt++) {
    try {
      return await blob.run()
    } catch (error) {
      upload.signal?.throwIfAborted()
      if (source.failure !== undefined) throw source.failure
      if (
        error instanceof RegistryError &&
        error.status === 401 &&
        renewals++ < MOST_RENEWALS &&
        blob.offset >= farthest
      ) {
        // The token ended; the next request brings a new one. Twice at the same place means that we may not.
        farthest = blob.offset + 1
        continue
      }
      if (inParts && refusesParts(error)) {
        inParts = false
        blob = new BlobUpload({ ...upload, location: undefined }, source, upload.descriptor.size)
        continue
      }
      await pauseAfter(attempt, error, { maxAttempts: upload.attempts, signal: upload.signal })
    }
  }
}
