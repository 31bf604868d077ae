import type { ContainerSummary } from '../../api/container.ts'
import type { ImageSummary } from '../../api/image.ts'
import type { VolumeInspect } from '../../api/volume.ts'
import { Failure } from '../failure.ts'
import { compile, TemplateExecutionError } from '../template/execute.ts'
import { TemplateSyntaxError } from '../template/lex.ts'
import { Row } from '../template/value.ts'
import { CONTAINER_HEADERS, containerRow } from './container-row.ts'
import { IMAGE_HEADERS, imageUsageRow } from './image-row.ts'
import { type Headers, ListFormat } from './list-format.ts'
import { ago, humanSize, shortId } from './units.ts'

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
/** `GET /system/df` */
export type Usage = {
  readonly LayersSize: number
  readonly Images: readonly ImageSummary[] | null
  readonly Containers: readonly ContainerSummary[] | null
  readonly Volumes: readonly VolumeInspect[] | null
  readonly BuildCache: readonly Cache[] | null
}

const CACHE_HEADERS = {
  ID: 'CACHE ID',
  CacheType: 'CACHE TYPE',
  Size: 'SIZE',
  CreatedSince: 'CREATED',
  LastUsedSince: 'LAST USED',
  UsageCount: 'USAGE',
  Shared: 'SHARED',
}

/** Every image, container, volume and cache with its size: four tables, or a template that has all four lists. */
export const usageDetails = (usage: Usage, format: string): string => {
  const isTable = format === '' || format === 'table'
  const lists = {
    Images: (usage.Images ?? []).map(image => imageUsageRow(image, isTable)),
    Containers: (usage.Containers ?? []).map(container => containerRow({ ...container, SizeRootFs: 0 }, isTable)),
    Volumes: (usage.Volumes ?? []).map(volumeRow),
    BuildCache: (usage.BuildCache ?? []).map(cache => cacheRow(cache, isTable)),
  }
  if (!isTable) return render(format === 'json' ? '{{json .}}' : format, lists)
  const table = (title: string, usual: string, headers: Headers, rows: readonly Row[]): string =>
    `${title}\n\n${new ListFormat({ format: '', usual, headers }).render(rows)}`
  const caches = (usage.BuildCache ?? []).filter(cache => !cache.Shared)
  return (
    table(
      'Images space usage:',
      '{{.Repository}}\\t{{.Tag}}\\t{{.ID}}\\t{{.CreatedSince}}\\t{{.Size}}\\t{{.SharedSize}}\\t{{.UniqueSize}}\\t{{.Containers}}',
      IMAGE_HEADERS,
      lists.Images,
    ) +
    table(
      '\nContainers space usage:',
      '{{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.LocalVolumes}}\\t{{.Size}}\\t{{.RunningFor}}\\t{{.Status}}\\t{{.Names}}',
      CONTAINER_HEADERS,
      lists.Containers,
    ) +
    table(
      '\nLocal Volumes space usage:',
      '{{.Name}}\\t{{.Links}}\\t{{.Size}}',
      { Name: 'VOLUME NAME', Links: 'LINKS', Size: 'SIZE' },
      lists.Volumes,
    ) +
    table(
      `\nBuild cache usage: ${humanSize(caches.reduce((sum, { Size }) => sum + Size, 0))}`,
      '{{.ID}}\\t{{.CacheType}}\\t{{.Size}}\\t{{.CreatedSince}}\\t{{.LastUsedSince}}\\t{{.UsageCount}}\\t{{.Shared}}',
      CACHE_HEADERS,
      lists.BuildCache,
    )
  )
}

const render = (format: string, lists: Readonly<Record<string, readonly Row[]>>): string => {
  try {
    return compile(format.replaceAll('\\t', '\t').replaceAll('\\n', '\n'))(lists)
  } catch (error) {
    if (error instanceof TemplateSyntaxError)
      throw new Failure(1, `template parsing error: ${error.message}`, { cause: error })
    if (error instanceof TemplateExecutionError) throw new Failure(1, error.message, { cause: error })
    throw error
  }
}

const volumeRow = (volume: VolumeInspect): Row =>
  new Row('*formatter.volumeContext', {
    Availability: () => 'N/A',
    Driver: () => volume.Driver,
    Group: () => 'N/A',
    Labels: () =>
      Object.entries(volume.Labels ?? {})
        .map(([name, value]) => `${name}=${value}`)
        .join(','),
    Links: () => String(volume.UsageData?.RefCount ?? 'N/A'),
    Mountpoint: () => volume.Mountpoint,
    Name: () => volume.Name,
    Scope: () => volume.Scope,
    Size: () => (volume.UsageData ? humanSize(volume.UsageData.Size) : 'N/A'),
    Status: () => 'N/A',
  })

const cacheRow = (cache: Cache, trunc: boolean): Row => {
  const since = (time: string): string => ago(Date.parse(time) / 1000)
  return new Row('*formatter.buildCacheContext', {
    ID: () => (trunc ? shortId(cache.ID) : cache.ID) + (cache.InUse ? '*' : ''),
    CacheType: () => cache.Type,
    Size: () => humanSize(cache.Size, 3),
    CreatedSince: () => since(cache.CreatedAt),
    LastUsedSince: () => (cache.LastUsedAt ? since(cache.LastUsedAt) : ''),
    UsageCount: () => String(cache.UsageCount),
    InUse: () => String(cache.InUse),
    Shared: () => String(cache.Shared),
  })
}
