import type { NetworkInspect } from '../../api/network.ts'
import { type Command, NO_ARGUMENTS } from '../command.ts'
import { filtersQuery } from '../filters.ts'
import { LIST_FORMAT } from '../format/format-flags.ts'
import { ListFormat } from '../format/list-format.ts'
import { goTime, shortId } from '../format/units.ts'
import { Row } from '../template/value.ts'

const HEADERS = {
  ID: 'NETWORK ID',
  Name: 'NAME',
  Driver: 'DRIVER',
  Scope: 'SCOPE',
  IPv4: 'IPV4',
  IPv6: 'IPV6',
  Internal: 'INTERNAL',
  Labels: 'LABELS',
  CreatedAt: 'CREATED AT',
}

export const command: Command = {
  usage: '[OPTIONS]',
  flags: `
  -f, --filter filter   Provide filter values (e.g. "driver=bridge")
${LIST_FORMAT}
      --no-trunc        Do not truncate the output
  -q, --quiet           Only display network IDs
`,
  args: NO_ARGUMENTS,
  action: async ({ client, stdout, config }, flags) => {
    const trunc = !flags.bool('no-trunc')
    const format = new ListFormat({
      format: flags.string('format') || (flags.bool('quiet') ? '' : (config.settings.networksFormat ?? '')),
      usual: '{{.ID}}\\t{{.Name}}\\t{{.Driver}}\\t{{.Scope}}',
      headers: HEADERS,
      quiet: flags.bool('quiet') ? '{{.ID}}' : undefined,
    })
    const networks = await client.get<NetworkInspect[]>('/networks', { filters: filtersQuery(flags.list('filter')) })
    const rows = [...networks]
      .sort((a, b) => a.Name.localeCompare(b.Name, 'en', { numeric: true }))
      .map(
        network =>
          new Row('*formatter.networkContext', {
            ID: () => (trunc ? shortId(network.Id) : network.Id),
            Name: () => network.Name,
            Driver: () => network.Driver,
            Scope: () => network.Scope,
            IPv4: () => String(network.EnableIPv4 ?? false),
            IPv6: () => String(network.EnableIPv6),
            Internal: () => String(network.Internal),
            Labels: () =>
              Object.entries(network.Labels ?? {})
                .map(([key, value]) => `${key}=${value}`)
                .sort()
                .join(','),
            Label: (name: string) => network.Labels?.[name] ?? '',
            CreatedAt: () =>
              goTime(Date.parse(network.Created) / 1000, /\.\d+/.exec(network.Created)?.[0].replace(/0+$/, '') ?? ''),
          }),
      )
    format.print(rows, stdout)
    return 0
  },
}
