import type { MessagePort } from 'node:worker_threads'
import type { Expected, Received, ReceiveOptions } from './blob-receiver.ts'
import type { Compressed } from './compressor.ts'
import type { PackedError } from './pack-error.ts'
import type { PackOptions } from './packer.ts'
import type { TreeOptions } from './tree-writer.ts'
import type { UnpackOptions } from './unpacker.ts'

/** What passes between an archive thread and everybody else. */
export type ToWorker = { readonly job: number } & (
  | { readonly type: 'unpack'; readonly directory: string; readonly options: UnpackOptions; readonly durable: boolean }
  | { readonly type: 'pack'; readonly directory: string; readonly options: PackOptions; readonly durable: boolean }
  /** Decodes a blob; its tar goes by the ring and the port to another job, `tree`. */
  | {
      readonly type: 'receive'
      readonly options: ReceiveOptions
      readonly port: MessagePort
      readonly ring: SharedArrayBuffer
    }
  | {
      readonly type: 'tree'
      readonly options: TreeOptions
      readonly port: MessagePort
      readonly ring: SharedArrayBuffer
    }
  /** Takes the next bytes of the file that is being received, or compressed. */
  | { readonly type: 'read' }
  | { readonly type: 'compress'; readonly from: string; readonly to: string }
  | { readonly type: 'verify'; readonly expected: Expected }
  | { readonly type: 'chunk'; readonly data: Uint8Array<ArrayBuffer>; readonly length?: number }
  | { readonly type: 'end' }
  | { readonly type: 'pull' }
  | { readonly type: 'remove'; readonly directory: string }
  | { readonly type: 'cancel' }
)

export type FromWorker = { readonly job: number } & (
  | { readonly type: 'more' }
  /** A chunk has been worked off; its memory comes back. */
  | { readonly type: 'taken'; readonly data: Uint8Array<ArrayBuffer> | undefined; readonly position: number }
  | { readonly type: 'received'; readonly received: Received }
  | { readonly type: 'compressed'; readonly compressed: Compressed }
  /** Nothing of the job is open any more. */
  | { readonly type: 'cancelled' }
  | { readonly type: 'data'; readonly data: Uint8Array }
  | { readonly type: 'done'; readonly size: number }
  | { readonly type: 'failed'; readonly error: PackedError }
)
