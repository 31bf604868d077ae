import type { ContainerPruneResponse } from '../../api/container.ts'
import type { ImagePruneResponse } from '../../api/image.ts'
import type { VolumePruneResponse } from '../../api/volume.ts'
import { type Command, NO_ARGUMENTS } from '../command.ts'
import { confirm } from '../confirm.ts'
import { Failure } from '../failure.ts'
import { filtersQuery } from '../filters.ts'
import { humanSize } from '../format/units.ts'
import { type BuildPruneResponse, deletedCaches } from './builder-prune.ts'
import { deletedImages } from './image-prune.ts'

export const command: Command = {
  usage: '[OPTIONS]',
  flags: `
  -a, --all             Remove all unused images not just dangling ones
      --filter filter   Provide filter values (e.g. "label=<key>=<value>")
  -f, --force           Do not prompt for confirmation
      --volumes         Prune anonymous volumes
`,
  args: NO_ARGUMENTS,
  action: async (context, flags) => {
    const { client, stdout } = context
    const [all, volumes, filters] = [flags.bool('all'), flags.bool('volumes'), flags.list('filter')]
    if (volumes && filters.some(filter => filter.startsWith('until=')))
      throw new Failure(1, 'ERROR: The "until" filter is not supported with "--volumes"')
    if (!flags.bool('force') && !(await confirm(context, question(all, volumes, filters)))) return 0
    const query = filtersQuery(filters)
    const list = (title: string, items: readonly string[] | null | undefined): void => {
      if (items && items.length > 0) stdout.write(`${title}:\n${items.map(item => `${item}\n`).join('')}\n`)
    }
    const containers = await client.post<ContainerPruneResponse>('/containers/prune', { query: { filters: query } })
    list('Deleted Containers', containers.ContainersDeleted)
    const networks = await client.post<{ NetworksDeleted: readonly string[] | null }>('/networks/prune', {
      query: { filters: query },
    })
    list('Deleted Networks', networks.NetworksDeleted)
    const gone = volumes
      ? await client.post<VolumePruneResponse>('/volumes/prune', { query: { filters: query } })
      : undefined
    list('Deleted Volumes', gone?.VolumesDeleted)
    const images = await client.post<ImagePruneResponse>('/images/prune', {
      query: { filters: filtersQuery(filters, [['dangling', String(!all)]]) },
    })
    stdout.write(deletedImages(images))
    const until = filters.filter(filter => filter.startsWith('until='))
    const cache = await client.post<BuildPruneResponse>('/build/prune', {
      query: { all: all || undefined, filters: filtersQuery(until) },
    })
    stdout.write(deletedCaches(cache))
    const total = containers.SpaceReclaimed + (gone?.SpaceReclaimed ?? 0) + images.SpaceReclaimed + cache.SpaceReclaimed
    stdout.line(`Total reclaimed space: ${humanSize(total)}`)
    return 0
  },
}

const question = (all: boolean, volumes: boolean, filters: readonly string[]): string => {
  const lines = [
    '  - all stopped containers',
    '  - all networks not used by at least one container',
    ...(volumes ? ['  - all anonymous volumes not used by at least one container'] : []),
    all ? '  - all images without at least one container associated to them' : '  - all dangling images',
    all ? '  - all build cache' : '  - unused build cache',
  ]
  const shown =
    filters.length > 0
      ? `\n  Items to be pruned will be filtered with:\n${filters.map(filter => `  - ${filter}\n`).join('')}`
      : ''
  return `WARNING! This will remove:\n${lines.join('\n')}\n${shown}\nAre you sure you want to continue?`
}
