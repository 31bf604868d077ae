import type { Readable } from 'node:stream'
import type { Descriptor } from '../oci/descriptor.ts'
import { type Digest, digestOf, isDigest } from '../oci/digest.ts'
import { canonicalName, type Reference, repositoryName } from '../oci/reference.ts'
import { Authorizer } from './authorizer.ts'
import { blobFrom } from './blob-stream.ts'
import type { Connections, Source } from './connections.ts'
import type { Endpoint } from './endpoint.ts'
import { contentDigest, fetchManifest, type ManifestRequest, resolveManifest } from './fetch-manifest.ts'
import type { Credentials } from './registry-config.ts'
import { RegistryError } from './registry-error.ts'
import type { BlobAnswer, BlobDescriptor, Repository, Waiting } from './repository.ts'
import { isPostponed } from './retry.ts'
import { Session } from './session.ts'
import { listTags } from './tags.ts'
import type { TokenCache } from './tokens.ts'
import { translate } from './translate.ts'
import { locationOf, uploadBlob } from './upload.ts'

export type Surroundings = {
  readonly connections: Connections
  readonly tokens: TokenCache
  readonly attempts: number
  readonly chunkSize: number | undefined
}

type ManifestOptions = Waiting & { readonly accept?: readonly string[] | undefined }

const isSuccess = (status: number): boolean => status >= 200 && status < 300

/** A repository over the distribution protocol. https://github.com/opencontainers/distribution-spec/blob/main/spec.md */
export class RemoteRepository implements Repository {
  readonly name: string
  readonly #reference: Reference
  readonly #credentials: Credentials
  readonly #around: Surroundings
  readonly #root: string
  readonly #sessions = new WeakMap<Endpoint, Session>()
  /** In the order in which they are asked; the one that served last is first. */
  #sources: readonly Source[]
  /** Uploads that the registry opened when it did not mount, by digest. */
  readonly #opened = new Map<Digest, URL>()

  constructor(reference: Reference, credentials: Credentials, around: Surroundings) {
    this.name = repositoryName(reference)
    this.#reference = reference
    this.#credentials = credentials
    this.#around = around
    this.#root = `/v2/${reference.path}`
    this.#sources = around.connections.sources(reference.domain)
  }

  get #pull(): string[] {
    return [`repository:${this.#reference.path}:pull`]
  }

  get #push(): string[] {
    return [`repository:${this.#reference.path}:pull,push`]
  }

  #sessionAt(endpoint: Endpoint): Session {
    const found = this.#sessions.get(endpoint)
    if (found !== undefined) return found
    // What opens the registry is no business of its mirrors.
    const credentials = endpoint.isMirror ? {} : this.#credentials
    const { transport, challenges } = endpoint
    const session = new Session(endpoint, new Authorizer(transport, this.#around.tokens, credentials, challenges))
    this.#sessions.set(endpoint, session)
    return session
  }

  async #at<T>(source: Source, work: (session: Session) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const endpoint = await source.connect(signal)
    try {
      return await work(this.#sessionAt(endpoint))
    } catch (error) {
      if (error instanceof RegistryError && error.status === undefined) this.#around.connections.forget(endpoint)
      throw error
    }
  }

  /** Asks one source after the other. The registry's own error counts, not its mirrors'. */
  async #read<T>(
    work: (session: Session) => Promise<T>,
    options: Waiting & { about?: string; tellTransient?: boolean },
  ): Promise<T> {
    const { signal, about, tellTransient } = options
    let failure: unknown
    for (const source of this.#sources) {
      try {
        const result = await this.#at(source, work, signal)
        this.#sources = [source, ...this.#sources.filter(other => other !== source)]
        return result
      } catch (error) {
        signal?.throwIfAborted()
        if (!source.isMirror || failure === undefined) failure = error
      }
    }
    throw translate(failure, { reference: this.#named(about), action: 'pull', tellTransient })
  }

  async #write<T>(work: (session: Session) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    try {
      return await this.#at(this.#around.connections.home(this.#reference.domain), work, signal)
    } catch (error) {
      signal?.throwIfAborted()
      throw translate(error, { reference: this.#reference, action: 'push' })
    }
  }

  #named(tagOrDigest: string | undefined): Reference {
    const { domain, path } = this.#reference
    if (tagOrDigest === undefined) return { domain, path, tag: undefined, digest: undefined }
    return isDigest(tagOrDigest)
      ? { domain, path, tag: undefined, digest: tagOrDigest }
      : { domain, path, tag: tagOrDigest, digest: undefined }
  }

  #manifestRequest(session: Session, tagOrDigest: string, { signal, accept }: ManifestOptions): ManifestRequest {
    return {
      ...{ session, root: this.#root, tagOrDigest, name: canonicalName(this.#named(tagOrDigest)) },
      ...{ scopes: this.#pull, accept, attempts: this.#around.attempts, signal },
    }
  }

  async manifest(
    tagOrDigest: string,
    options: ManifestOptions = {},
  ): Promise<{ descriptor: Descriptor; bytes: Buffer }> {
    return await this.#read(session => fetchManifest(this.#manifestRequest(session, tagOrDigest, options)), {
      signal: options.signal,
      about: tagOrDigest,
    })
  }

  async resolve(tagOrDigest: string, options: ManifestOptions = {}): Promise<Descriptor> {
    return await this.#read(session => resolveManifest(this.#manifestRequest(session, tagOrDigest, options)), {
      signal: options.signal,
      about: tagOrDigest,
    })
  }

  async blob(descriptor: BlobDescriptor, options: Waiting & { offset?: number | undefined } = {}): Promise<BlobAnswer> {
    const { offset = 0, signal } = options
    const ask = async (session: Session, target: string | URL): Promise<BlobAnswer> => {
      const response = await session.request({
        ...{ method: 'GET', target, scopes: this.#pull, signal },
        headers: offset > 0 ? { Range: `bytes=${offset}-` } : {},
        // Who reads a blob comes again by himself; only a registry that says when is waited for here.
        attempts: this.#around.attempts,
        isWorthwhile: isPostponed,
        expected: status => status === 200 || (status === 206 && offset > 0),
      })
      try {
        const answer = blobFrom(response, descriptor, offset, this.#reference, signal)
        answer.stream.once('error', () => this.#demote(session))
        return answer
      } catch (error) {
        await response[Symbol.asyncDispose]()
        throw error
      }
    }
    const target = `${this.#root}/blobs/${descriptor.digest}`
    try {
      return await this.#read(session => ask(session, target), { signal, tellTransient: true })
    } catch (error) {
      signal?.throwIfAborted()
      return await this.#foreignBlob(descriptor, error, ask)
    }
  }

  /** A source whose stream broke is asked last the next time. */
  #demote(session: Session): void {
    const { isMirror } = session.endpoint
    if (isMirror) this.#sources = [...this.#sources].sort((one, other) => Number(one.isMirror) - Number(other.isMirror))
  }

  /** The places that the manifest names for a layer which the registry may not have. */
  async #foreignBlob(
    { urls = [] }: BlobDescriptor,
    failure: unknown,
    ask: (session: Session, target: URL) => Promise<BlobAnswer>,
  ): Promise<BlobAnswer> {
    let last = failure
    for (const text of urls) {
      const url = URL.canParse(text) ? new URL(text) : undefined
      if (url === undefined || !/^https?:$/.test(url.protocol)) continue
      try {
        const transport = await this.#around.connections.transport(url)
        const endpoint: Endpoint = { base: url.origin, isMirror: true, transport, challenges: [] }
        return await ask(new Session(endpoint, new Authorizer(transport, this.#around.tokens, {}, [])), url)
      } catch (error) {
        last = translate(error, { reference: this.#reference, action: 'pull', tellTransient: true })
      }
    }
    throw last
  }

  async tags({ signal }: Waiting = {}): Promise<string[]> {
    const { attempts } = this.#around
    return await this.#read(session => listTags({ session, root: this.#root, scopes: this.#pull, attempts, signal }), {
      signal,
    })
  }

  async hasBlob(digest: Digest, { signal }: Waiting = {}): Promise<boolean> {
    return await this.#write(async session => {
      await using response = await session.request({
        ...{ method: 'HEAD', target: `${this.#root}/blobs/${digest}`, scopes: this.#push, signal },
        attempts: this.#around.attempts,
        expected: status => isSuccess(status) || status === 404,
      })
      return response.status !== 404
    }, signal)
  }

  async mountBlob(digest: Digest, from: string, { signal }: Waiting = {}): Promise<boolean> {
    return await this.#write(async session => {
      const query = new URLSearchParams({ mount: digest, from })
      await using response = await session.request({
        ...{ method: 'POST', target: `${this.#root}/blobs/uploads/?${query}`, signal },
        scopes: [...this.#push, `repository:${from}:pull`],
        body: new Uint8Array(0),
        attempts: this.#around.attempts,
        // Not to be allowed to read there is no failure: the blob is uploaded then.
        expected: status => isSuccess(status) || [400, 401, 403, 404, 405].includes(status),
      })
      if (response.status === 202) this.#opened.set(digest, locationOf(response))
      return response.status === 201
    }, signal)
  }

  async uploadBlob(
    descriptor: Descriptor,
    open: (offset: number) => Readable,
    options: Waiting & { onProgress?: ((bytes: number) => void) | undefined } = {},
  ): Promise<void> {
    const location = this.#opened.get(descriptor.digest)
    this.#opened.delete(descriptor.digest)
    const { attempts, chunkSize } = this.#around
    await this.#write(
      session =>
        uploadBlob({
          ...{ session, root: this.#root, scopes: this.#push, descriptor, open, location, attempts, chunkSize },
          ...options,
        }),
      options.signal,
    )
  }

  async putManifest(tagOrDigest: string, bytes: Buffer, mediaType: string, { signal }: Waiting = {}): Promise<Digest> {
    return await this.#write(async session => {
      await using response = await session.request({
        ...{ method: 'PUT', target: `${this.#root}/manifests/${tagOrDigest}`, scopes: this.#push, signal },
        headers: { 'Content-Type': mediaType },
        body: bytes,
        attempts: this.#around.attempts,
        timeout: session.endpoint.transport.timeouts.store,
        expected: isSuccess,
      })
      const digest = contentDigest(response) ?? ''
      return isDigest(digest) ? digest : digestOf(bytes)
    }, signal)
  }
}
