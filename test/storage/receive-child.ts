import { createReadStream, statSync } from 'node:fs'
import { Database } from '../../src/database.ts'
import { parseDigest } from '../../src/oci/digest.ts'
import { ContentStore } from '../../src/storage/content/content-store.ts'
import { OverlaySnapshotter } from '../../src/storage/snapshots/overlay-snapshotter.ts'

/** Takes one blob in, as the daemon does, until somebody kills it: for the tests of what is left then. */
const [root = '', blob = '', digest = '', diffId = ''] = process.argv.slice(2)
using database = new Database(`${root}/tare.db`)
const content = new ContentStore(root)
const snapshotter = new OverlaySnapshotter({ root, database })
await snapshotter.sweep()
const expected = { digest: parseDigest(digest), size: statSync(blob).size, diffId: parseDigest(diffId) }
const file = content.partialPath(expected.digest)
await using intake = await snapshotter.receive({ file, unpack: true })
console.log(`offset ${intake.offset}`)
for await (const chunk of createReadStream(blob, { start: intake.offset })) {
  await intake.write(chunk)
  console.log(`at ${intake.unpacked}`)
}
console.log('written')
await intake.finish(expected)
content.adopt(expected.digest)
console.log('done')
