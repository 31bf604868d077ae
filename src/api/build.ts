import type { JsonMessage } from './image.ts'

/**
 * What a build tells while it runs. The docker CLI gets it as the classic builder's text; a client that sends
 * `?progress=events` to `POST /build` gets each of these as `{"id":"tare.build","aux":BuildEvent}` in the JSON stream.
 */
export type BuildEvent =
  /** A step is known. Steps of all needed stages come first, in the order of the Dockerfile. */
  | {
      readonly type: 'vertex'
      readonly vertex: number
      /** `[base 2/5] RUN apt-get update` */
      readonly name: string
      /** The instruction as written, after expansion: what the classic `Step n/m :` line shows. */
      readonly instruction: string
      /** First line in the Dockerfile, from 1. */
      readonly line: number
    }
  | { readonly type: 'started'; readonly vertex: number }
  | { readonly type: 'log'; readonly vertex: number; readonly stream: 'stdout' | 'stderr'; readonly data: string }
  /** A base image is being brought: what `POST /images/create` would tell. */
  | { readonly type: 'pull'; readonly vertex: number; readonly message: JsonMessage }
  | {
      readonly type: 'completed'
      readonly vertex: number
      readonly cached: boolean
      readonly milliseconds: number
      readonly error?: string
      readonly state?: string
    }
  | { readonly type: 'warning'; readonly message: string; readonly line?: number }
  | { readonly type: 'image'; readonly id: string; readonly tags: readonly string[] }
