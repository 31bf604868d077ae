import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { ContextSource } from '../../api/build-options.ts'
import { invalidArgument } from '../../errdefs.ts'
import { fromText } from '../../storage/archive/byte-string.ts'
import type { BuildRequest, ContextPlace } from '../build-client.ts'
import { selectSources } from '../solver/select-sources.ts'
import type { ContextStore } from './context-store.ts'
import { ContextTree } from './context-tree.ts'
import { applyIgnoreRules } from './ignore-rules.ts'
import type { RemoteIndex } from './remote-index.ts'
import { RemoteSources } from './remote-sources.ts'
import { Spool } from './spool.ts'

/** The contexts of one build, each opened when it is first wanted. */
export class BuildContexts implements AsyncDisposable {
  readonly #request: BuildRequest
  readonly #place: ContextPlace
  readonly #signal: AbortSignal
  readonly #open = new Map<string, Promise<ContextTree>>()
  /** Files and repositories at URLs. */
  readonly remote: RemoteSources
  /** The text of a main context that was a lone Dockerfile at a URL, once it is open. */
  remoteDockerfile: string | undefined
  #expected: readonly string[] | undefined

  /** `directory`: where large archives are spooled. */
  constructor(
    request: BuildRequest,
    directory: string,
    { store, index }: { readonly store: ContextStore; readonly index: RemoteIndex },
    signal: AbortSignal,
  ) {
    this.#request = request
    this.#signal = signal
    this.#place = { spool: () => join(directory, `context-${randomBytes(8).toString('hex')}`), store }
    this.remote = new RemoteSources({ request, directory, place: this.#place, index }, signal)
  }

  /** What the client has by this name beside the build's own contexts. Undefined: nothing. */
  async client(name: string): Promise<ContextTree | undefined> {
    const tree = await this.#request.client.context(name, this.#place, this.#signal)
    if (tree) this.#open.set(name, Promise.resolve(tree))
    return tree
  }

  /** The files of the context by this name, '' for the main one. InvalidArgument: there is none. */
  get(name: string): Promise<ContextTree> {
    const known = this.#open.get(name)
    if (known !== undefined) return known
    const opened = this.#fetch(name)
    // Whoever asked for it is told; nobody else need be.
    opened.catch(() => undefined)
    this.#open.set(name, opened)
    if (name === '') void opened.then(tree => this.#prefetch(tree)).catch(() => undefined)
    return opened
  }

  /**
   * Says what of the main context the build is sure to want, as COPY names it; undefined: nothing. It is brought beside whatever else
   * is done. What fails will fail again when it is wanted.
   */
  expect(sources: readonly string[] | undefined): void {
    this.#expected = sources ?? []
    const opened = this.#open.get('')
    // Opened already: to find the Dockerfile in it.
    if (opened !== undefined) void opened.then(tree => this.#prefetch(tree)).catch(() => undefined)
    else if (sources !== undefined) void this.get('')
  }

  #prefetch(tree: ContextTree): void {
    if (this.#expected === undefined) return
    const paths = this.#expected.flatMap(source => {
      try {
        return selectSources(tree, [source], 'COPY', 'context').map(({ path }) => path)
      } catch {
        return []
      }
    })
    void tree.load(paths, this.#signal).catch(() => undefined)
  }

  async #fetch(name: string): Promise<ContextTree> {
    const { context, namedContexts, client, dockerfile } = this.#request
    const source: ContextSource | undefined = name === '' ? context : namedContexts[name]
    if (source?.type === 'none') return new ContextTree(new Spool(this.#place.spool()), { filtered: true })
    const tree =
      source?.type === 'url'
        ? await this.#atUrl(name, source.url)
        : source?.type === 'client'
          ? await client.context(name, this.#place, this.#signal)
          : undefined
    if (tree === undefined)
      throw invalidArgument(name === '' ? 'the client has no build context' : `there is no build context ${name}`)
    // Where the Dockerfile has to be found first, its finder does so.
    if (!tree.filtered && (name !== '' || dockerfile.text !== undefined))
      await applyIgnoreRules(tree, fromText(dockerfile.path || 'Dockerfile'))
    return tree
  }

  async #atUrl(name: string, url: string): Promise<ContextTree> {
    const { tree, dockerfile } = await this.remote.context(url)
    if (name === '') this.remoteDockerfile = dockerfile
    return tree
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { status, value } of (await Promise.allSettled(this.#open.values())) as {
      status: string
      value?: ContextTree
    }[])
      if (status === 'fulfilled') value?.[Symbol.dispose]()
    await this.remote[Symbol.asyncDispose]()
  }
}
