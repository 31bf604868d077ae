import type { ContainerSummary } from '../../api/container.ts'
import type { VolumeInspect } from '../../api/volume.ts'
import { type Command, NO_ARGUMENTS } from '../command.ts'
import { LIST_FORMAT } from '../format/format-flags.ts'
import { ListFormat } from '../format/list-format.ts'
import { humanSize } from '../format/units.ts'
import { type Usage, usageDetails } from '../format/usage-details.ts'
import { Row } from '../template/value.ts'

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
    if (flags.bool('verbose')) stdout.write(usageDetails(usage, flags.string('format')))
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
