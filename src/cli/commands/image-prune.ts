import type { ImagePruneResponse } from '../../api/image.ts'
import { type Command, NO_ARGUMENTS } from '../command.ts'
import { confirm } from '../confirm.ts'
import { filtersQuery } from '../filters.ts'
import { humanSize } from '../format/units.ts'

export const command: Command = {
  usage: '[OPTIONS]',
  flags: `
  -a, --all             Remove all unused images, not just dangling ones
      --filter filter   Provide filter values (e.g. "until=<timestamp>")
  -f, --force           Do not prompt for confirmation
`,
  args: NO_ARGUMENTS,
  action: async (context, flags) => {
    const { client, stdout } = context
    const what = flags.bool('all')
      ? 'all images without at least one container associated to them'
      : 'all dangling images'
    if (
      !flags.bool('force') &&
      !(await confirm(context, `WARNING! This will remove ${what}.\nAre you sure you want to continue?`))
    )
      return 0
    const filters = filtersQuery(flags.list('filter'), [['dangling', String(!flags.bool('all'))]])
    const result = await client.post<ImagePruneResponse>('/images/prune', { query: { filters } })
    stdout.write(deletedImages(result))
    stdout.line(`Total reclaimed space: ${humanSize(result.SpaceReclaimed)}`)
    return 0
  },
}

export const deletedImages = ({ ImagesDeleted }: ImagePruneResponse): string => {
  if (!ImagesDeleted || ImagesDeleted.length === 0) return ''
  const lines = ImagesDeleted.map(item =>
    item.Untagged ? `untagged: ${item.Untagged}\n` : `deleted: ${item.Deleted}\n`,
  )
  return `Deleted Images:\n${lines.join('')}\n`
}
