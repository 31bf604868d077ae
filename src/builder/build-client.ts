import type { Duplex, Writable } from 'node:stream'
import type { BuildOptions } from '../api/build-options.ts'
import type { Reference } from '../oci/reference.ts'
import type { ContextStore } from './context/context-store.ts'
import type { ContextTree } from './context/context-tree.ts'
import type { ShellTerminal } from './shell-terminal.ts'
import type { Credentials } from './solver/engine-parts.ts'

/** A build as the builder is asked for it: what is wanted, and who wants it. */
export type BuildRequest = BuildOptions & {
  readonly client: BuildClient
  /** Who the client is in a registry. */
  readonly credentials: (reference: Reference) => Credentials | undefined
}

/**
 * The client of one build, where it can be asked for things: a session, or what came with `POST /build`. All calls reject
 * when the client is gone, with the reason of the signal that the build has; what is open then fails too.
 */
export interface BuildClient {
  /**
   * The files of the context by this name, '' for the main one. Undefined: the client has none by that name. The caller
   * disposes it. Names are there at once; contents may come with `ContextTree.load` only.
   */
  context(name: string, place: ContextPlace, signal: AbortSignal): Promise<ContextTree | undefined>
  /** The bytes of a secret; undefined when the client has none by this id. Not kept. */
  secret(id: string, signal: AbortSignal): Promise<Buffer | undefined>
  /** One connection to the client's ssh agent; undefined when it has none by this id. */
  ssh(id: string, signal: AbortSignal): Promise<Duplex | undefined>
  /** Where the output of `options.exports[index]` goes; `finish` resolves when the client has all of it in its place. */
  output(index: number, signal: AbortSignal): Promise<ClientOutput>
  /** The client's terminal, for a look at what a failed step left; undefined when it wants none. */
  shell(failure: ShellInvitation, signal: AbortSignal): Promise<ShellTerminal | undefined>
}

/** Where the builder keeps what comes from clients. */
export type ContextPlace = {
  /** A new path for a large archive's contents; see `Spool`. */
  spool(): string
  readonly store: ContextStore
}

export type ClientOutput = {
  readonly stream: Writable
  /** Ends the stream and waits for the client's word. Rejects with what went wrong there. */
  finish(): Promise<void>
}

export type ShellInvitation = {
  /** `RUN make` */
  readonly step: string
  readonly message: string
}
