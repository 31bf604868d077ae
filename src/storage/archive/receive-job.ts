import type { MessagePort } from 'node:worker_threads'
import type { FromWorker, ToWorker } from './archive-protocol.ts'
import { BlobReceiver, type TarPiece } from './blob-receiver.ts'
import { packError, unpackError } from './pack-error.ts'
import { type FromTree, piecesOf, type ToTree } from './tree-writer.ts'

/**
 * One reception on the thread that decodes: takes messages from the main thread, hands the tar on through a port, and gives
 * back memory to both. A failure is told once; the job stays until it is cancelled, because its tree may be in use until then.
 */
export class ReceiveJob {
  readonly #id: number
  readonly #port: MessagePort
  readonly #tell: (message: FromWorker, transfer?: ArrayBuffer[]) => void
  readonly #end: () => void
  readonly #pieces: readonly TarPiece[]
  readonly #free: TarPiece[]
  #receiver: BlobReceiver | undefined
  #verify: Extract<ToWorker, { type: 'verify' }> | undefined
  #ended = false
  #failed = false
  #cancelling = false
  #closed = false

  /** `end`: the job is over. */
  constructor(
    { job, options, port, ring }: Extract<ToWorker, { type: 'receive' }>,
    tell: (message: FromWorker, transfer?: ArrayBuffer[]) => void,
    end: () => void,
  ) {
    this.#id = job
    this.#port = port
    this.#tell = tell
    this.#end = end
    this.#pieces = piecesOf(ring).map((bytes, index) => ({ bytes, index }))
    this.#free = [...this.#pieces]
    port.on('message', (message: FromTree) => this.#onTree(message))
    port.on('close', () => this.#onClose())
    this.#guarded(() => {
      this.#receiver = new BlobReceiver(options, {
        take: () => this.#free.pop(),
        send: ({ index }, length) => this.#send({ type: 'data', piece: index, length }),
      })
    })
  }

  handle(message: ToWorker): void {
    if (message.type === 'cancel') this.#cancel()
    else {
      this.#guarded(() => {
        if (message.type === 'chunk') {
          const { data } = message
          this.#receiver?.write(Buffer.from(data.buffer, 0, message.length), () => this.#taken(data))
        } else if (message.type === 'read') this.#receiver?.read(() => this.#taken(undefined))
        else if (message.type === 'verify') this.#verify = message
        this.#verifyWhenIdle()
      })
    }
  }

  #onTree(message: FromTree): void {
    if (message.type === 'cancelled') {
      this.#port.close()
      return
    }
    this.#guarded(() => {
      if (message.type === 'failed') throw unpackError(message.error)
      if (message.type === 'whole') {
        const compression = this.#receiver?.compression ?? 'none'
        this.#tell({ job: this.#id, type: 'received', received: { size: message.size, compression } })
      } else {
        this.#free.push(this.#pieces[message.piece] as TarPiece)
        this.#receiver?.pump()
        this.#verifyWhenIdle()
      }
    })
  }

  /** The other side is through, or its thread is lost. */
  #onClose(): void {
    this.#guarded(() => {
      if (!this.#cancelling) throw new Error('an archive thread ended')
    })
    this.#port.close()
    this.#closed = true
    if (this.#cancelling) this.#finish()
  }

  #finish(): void {
    this.#end()
    this.#tell({ job: this.#id, type: 'cancelled' })
  }

  #verifyWhenIdle(): void {
    if (!this.#verify || this.#ended || !this.#receiver?.idle) return
    this.#ended = true
    this.#receiver.verify(this.#verify.expected)
    this.#send({ type: 'end' })
  }

  #cancel(): void {
    if (this.#cancelling) return
    this.#cancelling = true
    this.#failed = true
    this.#receiver?.[Symbol.dispose]()
    if (this.#closed) this.#finish()
    else this.#send({ type: 'cancel' })
  }

  #taken(data: Uint8Array<ArrayBuffer> | undefined): void {
    const position = this.#receiver?.position ?? 0
    this.#tell({ job: this.#id, type: 'taken', data, position }, data ? [data.buffer] : [])
  }

  #send(message: ToTree): void {
    this.#port.postMessage(message)
  }

  #guarded(work: () => void): void {
    if (this.#failed) return
    try {
      work()
    } catch (error) {
      this.#failed = true
      this.#receiver?.[Symbol.dispose]()
      this.#tell({ job: this.#id, type: 'failed', error: packError(error) })
    }
  }
}
