import type { Readable } from 'node:stream'
import { notImplemented } from '../errdefs.ts'
import type { BuildClient, ContextPlace } from './build-client.ts'
import type { ContextTree } from './context/context-tree.ts'
import { receiveContext } from './context/receive-context.ts'

/** The client behind `POST /build`: it sends the archive of one context, once, and can be asked for nothing else. */
export class ClassicClient implements BuildClient {
  readonly #archive: Readable

  /** `archive`: a tar, compressed or not. Read to its end unless the build fails before. */
  constructor(archive: Readable) {
    this.#archive = archive
  }

  async context(name: string, place: ContextPlace, signal: AbortSignal): Promise<ContextTree | undefined> {
    return name === '' ? await receiveContext(this.#archive, place.spool(), signal) : undefined
  }

  secret(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  ssh(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  output(): Promise<never> {
    return Promise.reject(notImplemented('the classic build protocol cannot carry the output of an exporter'))
  }

  shell(): Promise<undefined> {
    return Promise.resolve(undefined)
  }
}
