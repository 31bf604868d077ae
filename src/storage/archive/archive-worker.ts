import { rmSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { syncDirectoryNow } from '../../host/sync.ts'
import type { FromWorker, ToWorker } from './archive-protocol.ts'
import { Compressor } from './compressor.ts'
import { packError } from './pack-error.ts'
import { Packer } from './packer.ts'
import { ReceiveJob } from './receive-job.ts'
import { TarReader } from './tar-reader.ts'
import { writeTree } from './tree-writer.ts'
import { Unpacker } from './unpacker.ts'

/** The thread's side of `archive-threads.ts`: jobs side by side, each a piece of synchronous work per message. */
const port = parentPort
if (!port) throw new Error('archive-worker: only for a worker thread')

type Job = { handle(message: ToWorker): boolean; [Symbol.dispose](): void }
const jobs = new Map<number, Job>()
const receptions = new Map<number, ReceiveJob>()

const send = (message: FromWorker, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer)

const startUnpack = (message: Extract<ToWorker, { type: 'unpack' }>): Job => {
  const unpacker = new Unpacker(message.directory, message.options)
  const reader = new TarReader(unpacker)
  return {
    handle(next) {
      if (next.type === 'chunk') {
        reader.push(Buffer.from(next.data))
        send({ job: next.job, type: 'more' })
        return false
      }
      reader.finish()
      unpacker.finish()
      if (message.durable) syncDirectoryNow(message.directory)
      // Whoever waits may unmount the directory at once: nothing of it may be open then.
      end(next.job)
      send({ job: next.job, type: 'done', size: unpacker.size })
      return true
    },
    [Symbol.dispose]: () => unpacker[Symbol.dispose](),
  }
}

const startCompress = (message: Extract<ToWorker, { type: 'compress' }>): Job => {
  const compressor = new Compressor(message.from, message.to)
  return {
    handle({ job }) {
      const compressed = compressor.step()
      if (compressed) send({ job, type: 'compressed', compressed })
      else send({ job, type: 'taken', data: undefined, position: compressor.position })
      return compressed !== undefined
    },
    [Symbol.dispose]: () => compressor[Symbol.dispose](),
  }
}

const startPack = (message: Extract<ToWorker, { type: 'pack' }>): Job => {
  const packer = new Packer(message.options)
  const chunks = packer.pack(message.directory, message.options)
  return {
    handle(next) {
      const { done, value } = chunks.next()
      if (done) {
        if (message.durable) syncDirectoryNow(message.directory)
        send({ job: next.job, type: 'done', size: packer.size })
        return true
      }
      // The packer gives the chunk away, so the memory can change hands without a copy.
      send({ job: next.job, type: 'data', data: value }, [value.buffer as ArrayBuffer])
      return false
    },
    [Symbol.dispose]: () => void chunks.return(),
  }
}

const remove = ({ job, directory }: Extract<ToWorker, { type: 'remove' }>): void => {
  rmSync(directory, { recursive: true, force: true })
  send({ job, type: 'done', size: 0 })
}

const end = (id: number): void => {
  jobs.get(id)?.[Symbol.dispose]()
  jobs.delete(id)
}

port.on('message', (message: ToWorker) => {
  try {
    const reception = receptions.get(message.job)
    if (reception) reception.handle(message)
    else if (message.type === 'receive')
      receptions.set(message.job, new ReceiveJob(message, send, () => receptions.delete(message.job)))
    else if (message.type === 'tree') writeTree(message.port, message.ring, message.options)
    else if (message.type === 'unpack') jobs.set(message.job, startUnpack(message))
    else if (message.type === 'pack') jobs.set(message.job, startPack(message))
    else if (message.type === 'compress') jobs.set(message.job, startCompress(message))
    else if (message.type === 'remove') remove(message)
    else if (message.type === 'cancel') end(message.job)
    // A job that failed has been told of; what was on its way to it meanwhile is dropped.
    else if (jobs.get(message.job)?.handle(message)) end(message.job)
  } catch (error) {
    end(message.job)
    send({ job: message.job, type: 'failed', error: packError(error) })
  }
})
