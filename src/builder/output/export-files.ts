import { posix } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { MNT, umount } from '../../host/mount.ts'
import { formatPlatform } from '../../oci/platform.ts'
import { pack } from '../../storage/archive/pack.ts'
import { endOfArchive } from '../../storage/archive/tar-writer.ts'
import type { BuildRequest } from '../build-client.ts'
import type { EngineParts } from '../solver/engine-parts.ts'
import type { StageState } from '../solver/stage-state.ts'
import { StepSnapshot } from '../solver/step-snapshot.ts'
import type { PlannedExport } from './export-plan.ts'
import { sourceDate } from './source-date.ts'

type Delivery = {
  readonly parts: Pick<EngineParts, 'images' | 'snapshotter' | 'mounts'>
  readonly request: BuildRequest
  readonly ends: readonly StageState[]
  readonly signal: AbortSignal
}

/** Sends the client all files as the stages left them, as one tar: of several platforms each in a directory of its own. */
export const exportFiles = async (
  { parts, request, ends, signal }: Delivery,
  { index, split = ends.length > 1 }: PlannedExport,
): Promise<void> => {
  const date = sourceDate(request.buildArgs)
  const latest = date === undefined ? {} : { latest: BigInt(date) * 1_000_000_000n }
  const output = await request.client.output(index, signal)
  for (const { layers, platform } of ends) {
    await using snapshot = await StepSnapshot.mount(parts, layers)
    const name = posix.basename(snapshot.root)
    const { tar } = split
      ? pack(parts.mounts, { ...latest, only: name, as: formatPlatform(platform).replaceAll('/', '_') })
      : pack(snapshot.root, { ...latest, format: 'layer' })
    try {
      await send(tar, output.stream, signal)
    } catch (error) {
      // The archive thread may still have something of it open.
      umount(snapshot.root, MNT.DETACH)
      throw error
    }
  }
  output.stream.write(endOfArchive())
  await output.finish()
}

const send = async (tar: Readable, output: Writable, signal: AbortSignal): Promise<void> => {
  try {
    await pipeline(withoutEnd(tar), output, { end: false, signal })
  } finally {
    tar.destroy()
  }
}

/** An archive that another can follow. */
async function* withoutEnd(tar: Readable): AsyncGenerator<Buffer> {
  const end = endOfArchive().length
  let held: Buffer = Buffer.alloc(0)
  for await (const chunk of tar) {
    const joined = held.length === 0 ? (chunk as Buffer) : Buffer.concat([held, chunk as Buffer])
    const kept = Math.max(joined.length - end, 0)
    held = Buffer.from(joined.subarray(kept))
    if (kept > 0) yield joined.subarray(0, kept)
  }
}
