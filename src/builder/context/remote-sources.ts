import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { BuildRequest, ContextPlace } from '../build-client.ts'
import type { ContextLease } from './context-store.ts'
import type { ContextTree } from './context-tree.ts'
import type { GitRepository } from './git-repository.ts'
import { isGitUrl, parseGitUrl } from './git-url.ts'
import { fetchRemoteFile, type RemoteFile } from './remote-files.ts'
import type { RemoteIndex } from './remote-index.ts'

/** What git puts below the builder's root begins so; a daemon that died may have left it. */
export const CHECKOUT_PREFIX = 'git-'

/** One commit of a repository, which is fetched when its files are wanted. */
export type RemoteRepository = {
  readonly commit: string
  readonly directory: string
  readonly keepGitDir: boolean
  tree(): Promise<ContextTree>
}

type Parts = {
  readonly request: Pick<BuildRequest, 'client' | 'secrets' | 'sshAgents'>
  /** Where checkouts lie. */
  readonly directory: string
  readonly place: ContextPlace
  readonly index: RemoteIndex
}

/** What one build takes from elsewhere: every file and repository is fetched once for it. */
export class RemoteSources implements AsyncDisposable {
  readonly #parts: Parts
  readonly #signal: AbortSignal
  readonly #lease: ContextLease
  readonly #files = new Map<string, Promise<RemoteFile>>()
  readonly #repositories = new Map<string, Promise<RemoteRepository>>()
  readonly #resources = new AsyncDisposableStack()

  constructor(parts: Parts, signal: AbortSignal) {
    this.#parts = parts
    this.#signal = signal
    this.#lease = parts.place.store.lease()
    this.#resources.use(this.#lease)
  }

  /** `digest`: the SHA-256 that is expected, in hexadecimal. Throws what `fetchRemoteFile` throws. */
  file(url: string, digest?: string): Promise<RemoteFile> {
    return once(this.#files, `${digest ?? ''} ${url}`, () =>
      fetchRemoteFile(url, digest, { index: this.#parts.index, lease: this.#lease }, this.#signal),
    )
  }

  /** Throws what `parseGitUrl` and `GitRepository` throw. */
  repository(
    url: string,
    wanted: { readonly keepGitDir?: boolean | undefined; readonly checksum?: string | undefined } = {},
  ): Promise<RemoteRepository> {
    return once(this.#repositories, `${wanted.keepGitDir} ${wanted.checksum} ${url}`, () =>
      this.#repository(url, wanted),
    )
  }

  async #repository(
    url: string,
    wanted: { readonly keepGitDir?: boolean | undefined; readonly checksum?: string | undefined },
  ): Promise<RemoteRepository> {
    const parsed = parseGitUrl(url)
    const place = { ...parsed, checksum: wanted.checksum ?? parsed.checksum }
    const keepGitDir = wanted.keepGitDir ?? parsed.keepGitDir ?? false
    const { GitRepository } = await import('./git-repository.ts')
    const id = randomBytes(8).toString('hex')
    const directory = join(this.#parts.directory, `${CHECKOUT_PREFIX}${id}`)
    const access = { agent: await this.#agent(place.url, id), authorization: await this.#authorization(place.url) }
    const repository: GitRepository = this.#resources.use(new GitRepository(place, directory, access, this.#signal))
    const commit = await repository.resolve()
    let tree: Promise<ContextTree> | undefined
    const fetch = async (): Promise<ContextTree> => {
      const found = await repository.checkout(commit, { keepGitDir, spool: this.#parts.place.spool() })
      this.#resources.use(found)
      return found
    }
    return {
      ...{ commit, keepGitDir, directory: place.directory },
      tree: () => {
        tree ??= fetch()
        return tree
      },
    }
  }

  /** For repositories that are reached by ssh, where the client lends its agent. */
  async #agent(url: string, id: string): Promise<string | undefined> {
    const { client, sshAgents } = this.#parts.request
    if (/^(?:https?|git):\/\//.test(url) || sshAgents.length === 0) return undefined
    const name = sshAgents.includes('default') ? 'default' : (sshAgents[0] as string)
    const path = join(this.#parts.directory, `${CHECKOUT_PREFIX}${id}.agent`)
    const { openAgentSocket } = await import('../mounts/agent-socket.ts')
    const owner = { mode: 0o600, uid: 0, gid: 0 }
    this.#resources.use(await openAgentSocket(path, owner, () => client.ssh(name, this.#signal)))
    return path
  }

  /** The secrets that BuildKit looks at: `GIT_AUTH_HEADER` and `GIT_AUTH_TOKEN`, those of one server first. */
  async #authorization(url: string): Promise<{ url: string; value: string } | undefined> {
    if (!/^https?:\/\//.test(url) || !URL.canParse(url)) return undefined
    const { client, secrets } = this.#parts.request
    const { host, origin } = new URL(url)
    for (const name of [`GIT_AUTH_HEADER.${host}`, `GIT_AUTH_TOKEN.${host}`, 'GIT_AUTH_HEADER', 'GIT_AUTH_TOKEN']) {
      const secret = secrets.includes(name) ? await client.secret(name, this.#signal) : undefined
      if (secret === undefined) continue
      const text = secret.toString().trim()
      const isToken = name.startsWith('GIT_AUTH_TOKEN')
      const value = isToken ? `basic ${Buffer.from(`x-access-token:${text}`).toString('base64')}` : text
      return { url: `${origin}/`, value }
    }
    return undefined
  }

  /**
   * A context at a URL: a repository, an archive, or a lone Dockerfile, whose text is given then. The trees are the build's.
   */
  async context(url: string): Promise<{ readonly tree: ContextTree; readonly dockerfile?: string }> {
    if (isGitUrl(url)) return { tree: await (await this.repository(url)).tree() }
    const { tree, name } = await this.file(url)
    const { openArchive } = await import('../solver/local-archive.ts')
    const path = Buffer.from(name).toString('latin1')
    const archive = await openArchive({ tree, path, name: path })
    if (archive === undefined) return { tree, dockerfile: tree.text(path) ?? '' }
    const { receiveContext } = await import('./receive-context.ts')
    const received = await receiveContext(archive, this.#parts.place.spool(), this.#signal)
    this.#resources.use(received)
    return { tree: received }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.#files.values(), ...this.#repositories.values()])
    await this.#resources.disposeAsync()
  }
}

const once = <Value>(known: Map<string, Promise<Value>>, key: string, make: () => Promise<Value>): Promise<Value> => {
  let value = known.get(key)
  if (value === undefined) {
    value = make()
    // Whoever asked for it is told.
    value.catch(() => undefined)
    known.set(key, value)
  }
  return value
}
