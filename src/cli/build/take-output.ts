import { createWriteStream, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Destination } from './provisions.ts'

/** Puts what an exporter sends in its place, then says so by the end of our side. */
export const takeOutput = async (channel: Duplex, destination: Destination): Promise<void> => {
  switch (destination.kind) {
    case 'none':
      throw new Error('the output has no destination')
    case 'stdout':
      for await (const chunk of channel.iterator({ destroyOnReturn: false })) await toStdout(chunk as Buffer)
      break
    case 'file':
      await toFile(channel, destination.path)
      break
    case 'directory': {
      const { unpackOutput } = await import('./unpack-output.ts')
      await unpackOutput(channel, destination.path)
    }
  }
  channel.end()
}

const toStdout = (chunk: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.write(chunk, error => (error ? reject(error) : resolve()))
  })

/** Under its name only when it is whole. */
const toFile = async (channel: Duplex, path: string): Promise<void> => {
  mkdirSync(dirname(path), { recursive: true })
  const partial = `${path}.${process.pid}.partial`
  try {
    await pipeline(channel.iterator({ destroyOnReturn: false }), createWriteStream(partial))
    renameSync(partial, path)
  } catch (error) {
    rmSync(partial, { force: true })
    throw error
  }
}
