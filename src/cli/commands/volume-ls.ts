import type { VolumeListResponse } from '../../api/volume.ts'
import { type Command, NO_ARGUMENTS } from '../command.ts'
import { filtersQuery } from '../filters.ts'
import { LIST_FORMAT } from '../format/format-flags.ts'
import { ListFormat } from '../format/list-format.ts'
import { humanSize } from '../format/units.ts'
import { Row } from '../template/value.ts'

const HEADERS = {
  Name: 'VOLUME NAME',
  Driver: 'DRIVER',
  Scope: 'SCOPE',
  Mountpoint: 'MOUNTPOINT',
  Labels: 'LABELS',
  Links: 'LINKS',
  Size: 'SIZE',
  Availability: 'AVAILABILITY',
  Group: 'GROUP',
  Status: 'STATUS',
}

export const command: Command = {
  usage: '[OPTIONS]',
  flags: `
  -f, --filter filter   Provide filter values (e.g. "dangling=true")
${LIST_FORMAT}
  -q, --quiet           Only display volume names
`,
  args: NO_ARGUMENTS,
  action: async ({ client, stdout, config }, flags) => {
    const format = new ListFormat({
      format: flags.string('format') || (flags.bool('quiet') ? '' : (config.settings.volumesFormat ?? '')),
      usual: '{{.Driver}}\\t{{.Name}}',
      headers: HEADERS,
      quiet: flags.bool('quiet') ? '{{.Name}}' : undefined,
    })
    const { Volumes } = await client.get<VolumeListResponse>('/volumes', {
      filters: filtersQuery(flags.list('filter')),
    })
    const rows = [...(Volumes ?? [])].sort(byName).map(
      volume =>
        new Row('*formatter.volumeContext', {
          Name: () => volume.Name,
          Driver: () => volume.Driver,
          Scope: () => volume.Scope,
          Mountpoint: () => volume.Mountpoint,
          Labels: () =>
            Object.entries(volume.Labels ?? {})
              .map(([key, value]) => `${key}=${value}`)
              .sort()
              .join(','),
          Label: (name: string) => volume.Labels?.[name] ?? '',
          Links: () => (volume.UsageData ? String(volume.UsageData.RefCount) : 'N/A'),
          Size: () => (volume.UsageData ? humanSize(volume.UsageData.Size) : 'N/A'),
          Availability: () => 'N/A',
          Group: () => 'N/A',
          Status: () => 'N/A',
        }),
    )
    format.print(rows, stdout)
    return 0
  },
}

/** Numbers within names by their value: `vol2` before `vol10`. */
const byName = (a: { Name: string }, b: { Name: string }): number =>
  a.Name.localeCompare(b.Name, 'en', { numeric: true })
