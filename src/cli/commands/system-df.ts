import type { ContainerSummary } from '../../api/container.ts'
import type { ImageSummary } from '../../api/image.ts'
import type { VolumeInspect } from '../../api/volume.ts'
import { type Command, NO_ARGUMENTS } from '../command.ts'
import { CONTAINER_HEADERS, containerRow } from '../format/container-row.ts'
import { LIST_FORMAT } from '../format/format-flags.ts'
import { IMAGE_HEADERS, imageRows } from '../format/image-row.ts'
import { ListFormat } from '../format/list-format.ts'
import { ago, humanSize, shortId } from '../format/units.ts'
import type { Output } from '../output.ts'
import { Row } from '../template/value.ts'

type Cache = {
  readonly ID: string
  readonly Type: string
  readonly InUse: boolean
  readonly Shared: boolean
  readonly Size: number
  readonly CreatedAt: string
  readonly LastUsedAt: string | null
  readonly UsageCount: number
}
type Usage = {
  readonly LayersSize: number
  readonly Images: readonly ImageSummary[] | null
  readonly Containers: readonly ContainerSummary[] | null
  readonly Volumes: readonly VolumeInspect[] | null
  readonly BuildCache: readonly Cache[] | null
}

const HEADERS = { Type: 'TYPE', TotalCount: 'TOTAL', Active: 'ACTIVE', Size: 'SIZE', Reclaimable: 'RECLAIMABLE' }

export const command: Command = {
  usage: '[OPTIONS]',
  flags: `
${LIST_FORMAT}
  -v, --verbose         Show detailed information on space usage
`,
  args: NO_ARGUMENTS,
  action: async ({ client, stdout }, flags) => {
    const usage = await client.get<Usage>('/system/df')
    if (flags.bool('verbose')) showDetails(usage, stdout)
    else
      new ListFormat({
        format: flags.string('format'),
        usual: '{{.Type}}\\t{{.TotalCount}}\\t{{.Active}}\\t{{.Size}}\\t{{.Reclaimable}}',
        headers: HEADERS,
      }).print([images(usage), containers(usage), volumes(usage), caches(usage)], stdout)
    return 0
  },
}

const sum = <T>(items: readonly T[], size: (item: T) => number): number =>
  items.reduce((total, item) => total + size(item), 0)

const usageRow = (
  type: string,
  total: number,
  active: number,
  size: number,
  reclaimable: number,
  percent: boolean,
): Row =>
  new Row(`*formatter.diskUsage${type}Context`, {
    Type: () => type,
    TotalCount: () => String(total),
    Active: () => String(active),
    Size: () => humanSize(size),
    Reclaimable: () =>
      `${humanSize(reclaimable)}${percent && size > 0 ? ` (${Math.trunc((reclaimable * 100) / size)}%)` : ''}`,
  })

const images = ({ Images, LayersSize }: Usage): Row => {
  const all = Images ?? []
  const used = sum(all, image =>
    image.Containers !== 0 && image.Size !== -1 && image.SharedSize !== -1 ? image.Size - image.SharedSize : 0,
  )
  return usageRow(
    'Images',
    all.length,
    all.filter(image => image.Containers > 0).length,
    LayersSize,
    LayersSize - used,
    true,
  )
}

const isActive = ({ State }: ContainerSummary): boolean => ['running', 'paused', 'restarting'].includes(State)

const containers = ({ Containers }: Usage): Row => {
  const all = Containers ?? []
  const size = sum(all, container => container.SizeRw ?? 0)
  const idle = sum(
    all.filter(container => !isActive(container)),
    container => container.SizeRw ?? 0,
  )
  return usageRow('Containers', all.length, all.filter(isActive).length, size, idle, true)
}

const volumes = ({ Volumes }: Usage): Row => {
  const all = Volumes ?? []
  const sizeOf = (volume: VolumeInspect): number => Math.max(0, volume.UsageData?.Size ?? 0)
  const idle = all.filter(volume => volume.UsageData?.RefCount === 0)
  return usageRow(
    'Local Volumes',
    all.length,
    all.filter(volume => (volume.UsageData?.RefCount ?? 0) > 0).length,
    sum(all, sizeOf),
    sum(idle, sizeOf),
    true,
  )
}

const caches = ({ BuildCache }: Usage): Row => {
  const all = (BuildCache ?? []).filter(cache => !cache.Shared)
  const idle = sum(
    all.filter(cache => !cache.InUse),
    cache => cache.Size,
  )
  return usageRow(
    'Build Cache',
    (BuildCache ?? []).length,
    (BuildCache ?? []).filter(cache => cache.InUse).length,
    sum(all, cache => cache.Size),
    idle,
    false,
  )
}

const showDetails = (usage: Usage, stdout: Output): void => {
  const table = (
    title: string,
    usual: string,
    headers: Readonly<Record<string, string>>,
    rows: readonly Row[],
  ): void => {
    stdout.write(`${title}\n\n`)
    new ListFormat({ format: '', usual, headers }).print(rows, stdout)
  }
  table(
    'Images space usage:',
    '{{.Repository}}\\t{{.Tag}}\\t{{.ID}}\\t{{.CreatedSince}}\\t{{.Size}}\\t{{.SharedSize}}\\t{{.UniqueSize}}\\t{{.Containers}}',
    IMAGE_HEADERS,
    (usage.Images ?? []).flatMap(image => imageRows(image, { trunc: true, digests: false })),
  )
  table(
    '\nContainers space usage:',
    '{{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.LocalVolumes}}\\t{{.Size}}\\t{{.RunningFor}}\\t{{.Status}}\\t{{.Names}}',
    CONTAINER_HEADERS,
    (usage.Containers ?? []).map(container => containerRow({ ...container, SizeRootFs: 0 }, true)),
  )
  table(
    '\nLocal Volumes space usage:',
    '{{.Name}}\\t{{.Links}}\\t{{.Size}}',
    { Name: 'VOLUME NAME', Links: 'LINKS', Size: 'SIZE' },
    (usage.Volumes ?? []).map(
      volume =>
        new Row('*formatter.volumeContext', {
          Name: () => volume.Name,
          Links: () => String(volume.UsageData?.RefCount ?? 'N/A'),
          Size: () => (volume.UsageData ? humanSize(volume.UsageData.Size) : 'N/A'),
        }),
    ),
  )
  const cacheSize = sum(
    (usage.BuildCache ?? []).filter(cache => !cache.Shared),
    cache => cache.Size,
  )
  table(
    `\nBuild cache usage: ${humanSize(cacheSize)}`,
    '{{.ID}}\\t{{.CacheType}}\\t{{.Size}}\\t{{.CreatedSince}}\\t{{.LastUsedSince}}\\t{{.UsageCount}}\\t{{.Shared}}',
    {
      ID: 'CACHE ID',
      CacheType: 'CACHE TYPE',
      Size: 'SIZE',
      CreatedSince: 'CREATED',
      LastUsedSince: 'LAST USED',
      UsageCount: 'USAGE',
      Shared: 'SHARED',
    },
    (usage.BuildCache ?? []).map(
      cache =>
        new Row('*formatter.buildCacheContext', {
          ID: () => shortId(cache.ID) + (cache.InUse ? '*' : ''),
          CacheType: () => cache.Type,
          Size: () => humanSize(cache.Size, 3),
          CreatedSince: () => ago(Date.parse(cache.CreatedAt) / 1000),
          LastUsedSince: () => (cache.LastUsedAt ? ago(Date.parse(cache.LastUsedAt) / 1000) : ''),
          UsageCount: () => String(cache.UsageCount),
          Shared: () => String(cache.Shared),
        }),
    ),
  )
}
