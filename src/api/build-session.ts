/**
 * What the two sides of `POST /build/session` tell each other (see session-link.ts for the frames). The client begins with
 * `build`; then the daemon tells events and opens channels to fetch what it wants, and ends with `done` or `failed`. A client
 * that closes the connection stops its build.
 */

import type { ErrorKind } from '../errdefs.ts'
import type { BuildEvent } from './build.ts'
import type { BuildOptions, BuildResult } from './build-options.ts'

export const SESSION_PATH = '/build/session'

export type ClientMessage =
  | { readonly type: 'build'; readonly options: BuildOptions }
  /** The terminal of a `shell` channel has another size. */
  | { readonly type: 'resize'; readonly channel: number; readonly rows: number; readonly columns: number }

export type DaemonMessage =
  | { readonly type: 'event'; readonly event: BuildEvent }
  /** The client opens this channel too, and serves; it resets the channel when it cannot. */
  | { readonly type: 'open'; readonly channel: number; readonly service: Service }
  | { readonly type: 'done'; readonly result: BuildResult }
  | { readonly type: 'failed'; readonly message: string; readonly kind: ErrorKind; readonly exitCode?: number }

export type Service =
  /** See context-stream.ts. */
  | { readonly name: 'context'; readonly context: string }
  /** The client sends the bytes and ends. */
  | { readonly name: 'secret'; readonly id: string }
  /** Both ways to an agent's socket. */
  | { readonly name: 'ssh'; readonly id: string }
  /** The daemon sends the bytes and ends; the client ends when it has put them in their place. */
  | { readonly name: 'output'; readonly index: number }
  /** Both ways to the terminal; the client's first message is its size, `rows columns\n`. */
  | { readonly name: 'shell'; readonly step: string; readonly message: string }

/** The reset of a channel whose service the client does not have at all. */
export const NO_SUCH_THING = 'no such thing'
