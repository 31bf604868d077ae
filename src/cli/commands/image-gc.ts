import type { ImageGcResponse } from '../../api/image-gc.ts'
import { type Command, NO_ARGUMENTS } from '../command.ts'
import { LIST_FORMAT } from '../format/format-flags.ts'
import { ListFormat } from '../format/list-format.ts'
import { humanSize, shortId } from '../format/units.ts'
import { Row } from '../template/value.ts'

export const command: Command = {
  usage: '[OPTIONS]',
  description: `Remove images by the rules of automatic garbage collection, now.
The daemon's "image-gc" says the rules, or the flags do. Pinned images and images in use stay.`,
  flags: `
      --dry-run         Show what would be removed, and remove nothing
${LIST_FORMAT}
      --high string     Remove the longest unused while images take more than this ("20GB")
      --keep int        Keep so many images of each repository, the newest
      --low string      Remove until images take no more than this (default: as --high)
      --min-age string   Keep what was used within this time ("24h")
      --no-trunc        Don't truncate output
`,
  args: NO_ARGUMENTS,
  action: async ({ client, stdout }, flags) => {
    const dryRun = flags.bool('dry-run')
    const { Images, Kept, SpaceReclaimed } = await client.post<ImageGcResponse>('/images/gc', {
      query: {
        dryrun: dryRun || undefined,
        high: flags.string('high') || undefined,
        low: flags.string('low') || undefined,
        keep: flags.string('keep') || undefined,
        minAge: flags.string('min-age') || undefined,
      },
    })
    const format = flags.string('format')
    const rows = Images.map(
      ({ Id, Names, Size, Reason }) =>
        new Row('*formatter.imageGcContext', {
          ID: () => (flags.bool('no-trunc') ? Id : shortId(Id)),
          Names: () => (Names.length > 0 ? Names.join(', ') : '<none>'),
          Size: () => humanSize(Size, 3),
          Reason: () => Reason,
        }),
    )
    if (rows.length > 0 || format !== '')
      new ListFormat({
        format,
        usual: '{{.ID}}\\t{{.Names}}\\t{{.Size}}\\t{{.Reason}}',
        headers: { ID: 'IMAGE ID', Names: 'NAMES', Size: 'SIZE', Reason: 'REASON' },
      }).print(rows, stdout)
    if (format !== '') return 0
    const count = (number: number): string => `${number} image${number === 1 ? '' : 's'}`
    stdout.write(
      `${rows.length > 0 ? '\n' : ''}${dryRun ? 'Would remove' : 'Removed'} ${count(Images.length)}, ${dryRun ? 'keep' : 'kept'} ${Kept}.\n` +
        `Total ${dryRun ? 'reclaimable' : 'reclaimed'} space: ${humanSize(SpaceReclaimed)}\n`,
    )
    return 0
  },
}
