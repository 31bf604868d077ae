/** What can be pruned, each by one request; and how a command asks and tells. */
import type { Client } from '../api/client.ts'
import type { ContainerPruneResponse } from '../api/container.ts'
import type { ImagePruneResponse } from '../api/image.ts'
import type { VolumePruneResponse } from '../api/volume.ts'
import type { Context } from './command.ts'
import type { ConfigFile } from './config-file.ts'
import { confirm } from './confirm.ts'
import { filtersQuery } from './filters.ts'
import type { Flags } from './flags/flags.ts'
import { humanSize } from './format/units.ts'

/** `text`: what went, as it is shown. `bytes`: what that freed; undefined where nobody counts. */
export type Pruned = { readonly text: string; readonly bytes: number | undefined }
type Filters = readonly string[]

/** The whole of a prune command: asks `question` unless forced, prunes one kind after the other, and tells what went. Gives the exit code. */
export const runPrune = async (
  context: Context,
  flags: Flags,
  question: string,
  kinds: readonly (() => Promise<Pruned>)[],
): Promise<number> => {
  const { stdout } = context
  if (!flags.bool('force') && !(await confirm(context, question))) return 0
  let total: number | undefined
  for (const prune of kinds) {
    const { text, bytes } = await prune()
    stdout.write(text)
    if (bytes !== undefined) total = (total ?? 0) + bytes
  }
  if (total !== undefined) stdout.line(`Total reclaimed space: ${humanSize(total)}`)
  return 0
}

/** `--filter` and what `pruneFilters` in config.json adds; what contradicts a flag there does not count. */
export const pruneFilters = (flags: Flags, config: ConfigFile): string[] => {
  const given = flags.list('filter').filter(filter => filter !== '')
  const own = (config.settings.pruneFilters ?? []).filter(filter => {
    const [, name = '', value = ''] = /^([^=]*)=(.*)$/s.exec(filter) ?? []
    const opposite = name === 'label' ? 'label!' : name === 'label!' ? 'label' : undefined
    return name !== '' && (opposite === undefined || !given.includes(`${opposite}=${value}`))
  })
  return [...new Set([...given, ...own])]
}

const listed = (title: string, items: readonly string[] | null | undefined, bytes: number | undefined): Pruned =>
  items && items.length > 0
    ? { text: `${title}:\n${items.map(item => `${item}\n`).join('')}\n`, bytes }
    : { text: '', bytes: bytes === undefined ? undefined : 0 }

export const pruneContainers = async (client: Client, filters: Filters): Promise<Pruned> => {
  const result = await client.post<ContainerPruneResponse>('/containers/prune', {
    query: { filters: filtersQuery(filters) },
  })
  return listed('Deleted Containers', result.ContainersDeleted, result.SpaceReclaimed)
}

export const pruneNetworks = async (client: Client, filters: Filters): Promise<Pruned> => {
  const result = await client.post<{ NetworksDeleted: readonly string[] | null }>('/networks/prune', {
    query: { filters: filtersQuery(filters) },
  })
  return listed('Deleted Networks', result.NetworksDeleted, undefined)
}

/** `all`: named ones too. */
export const pruneVolumes = async (client: Client, filters: Filters, all: boolean): Promise<Pruned> => {
  const result = await client.post<VolumePruneResponse>('/volumes/prune', {
    query: { filters: filtersQuery(filters, all ? [['all', 'true']] : []) },
  })
  return listed('Deleted Volumes', result.VolumesDeleted, result.SpaceReclaimed)
}

/** `all`: those with a name that no container uses too. */
export const pruneImages = async (client: Client, filters: Filters, all: boolean): Promise<Pruned> => {
  const result = await client.post<ImagePruneResponse>('/images/prune', {
    query: { filters: filtersQuery(filters, [['dangling', String(!all)]]) },
  })
  const lines = result.ImagesDeleted?.map(item =>
    item.Untagged ? `untagged: ${item.Untagged}` : `deleted: ${item.Deleted}`,
  )
  return listed('Deleted Images', lines, result.SpaceReclaimed)
}

export const pruneBuilds = async (
  client: Client,
  filters: Filters,
  { all, keepStorage = 0 }: { all: boolean; keepStorage?: number },
): Promise<Pruned> => {
  const result = await client.post<{ CachesDeleted: readonly string[] | null; SpaceReclaimed: number }>(
    '/build/prune',
    {
      query: { all: all || undefined, 'keep-storage': keepStorage || undefined, filters: filtersQuery(filters) },
    },
  )
  return { ...listed('Deleted build cache objects', result.CachesDeleted, 0), bytes: result.SpaceReclaimed }
}
