import type { Digest } from '../oci/digest.ts'
import type { Snapshotter } from '../storage/snapshots/snapshotter.ts'
import type { ImageRecorder } from './image-recorder.ts'
import type { ImageTable } from './image-table.ts'

type Parts = { readonly recorder: ImageRecorder; readonly snapshotter: Snapshotter; readonly table: ImageTable }

/** Takes away an image and the names that stand for nothing else. Its layers go with the next collection. */
export const removeImage = ({ recorder, snapshotter, table }: Parts, id: Digest): void => {
  for (const name of table.namesOf(id)) {
    const row = table.named(name)
    if (row && table.members(row).length === 1) recorder.unname(name, id)
  }
  recorder.drop(
    id,
    snapshotter.keys().map(key => snapshotter.stack(key) ?? []),
  )
}
