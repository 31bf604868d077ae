import { type Command, NO_ARGUMENTS } from '../command.ts'
import { confirm } from '../confirm.ts'
import { filtersQuery } from '../filters.ts'
import { humanSize } from '../format/units.ts'

export type BuildPruneResponse = { readonly CachesDeleted: readonly string[] | null; readonly SpaceReclaimed: number }

export const command: Command = {
  usage: '',
  flags: `
  -a, --all                  Remove all unused build cache, not just dangling ones
      --filter filter        Provide filter values (e.g. "until=24h")
  -f, --force                Do not prompt for confirmation
      --keep-storage bytes   Amount of disk space to keep for cache
`,
  args: NO_ARGUMENTS,
  action: async (context, flags) => {
    const { client, stdout } = context
    const question = `WARNING! This will remove all ${flags.bool('all') ? '' : 'dangling '}build cache. Are you sure you want to continue?`
    if (!flags.bool('force') && !(await confirm(context, question))) return 0
    const result = await client.post<BuildPruneResponse>('/build/prune', {
      query: {
        all: flags.bool('all') || undefined,
        'keep-storage': flags.bytes('keep-storage') || undefined,
        filters: filtersQuery(flags.list('filter')),
      },
    })
    stdout.write(deletedCaches(result))
    stdout.line(`Total reclaimed space: ${humanSize(result.SpaceReclaimed)}`)
    return 0
  },
}

export const deletedCaches = ({ CachesDeleted }: BuildPruneResponse): string =>
  CachesDeleted && CachesDeleted.length > 0
    ? `Deleted build cache objects:\n${CachesDeleted.map(id => `${id}\n`).join('')}\n`
    : ''
