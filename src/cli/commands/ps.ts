import type { ContainerSummary } from '../../api/container.ts'
import { type Command, NO_ARGUMENTS } from '../command.ts'
import { filtersQuery } from '../filters.ts'
import { CONTAINER_HEADERS, CONTAINER_TABLE, containerRow } from '../format/container-row.ts'
import { LIST_FORMAT } from '../format/format-flags.ts'
import { ListFormat } from '../format/list-format.ts'

export const command: Command = {
  usage: '[OPTIONS]',
  flags: `
  -a, --all             Show all containers (default shows just running)
  -f, --filter filter   Filter output based on conditions provided
${LIST_FORMAT}
  -n, --last int        Show n last created containers (includes all states) (default -1)
  -l, --latest          Show the latest created container (includes all states)
      --no-trunc        Don't truncate output
  -q, --quiet           Only display container IDs
  -s, --size            Display total file sizes
`,
  args: NO_ARGUMENTS,
  action: async ({ client, stdout, config }, flags) => {
    const format = new ListFormat({
      format: flags.string('format') || (flags.bool('quiet') ? '' : (config.settings.psFormat ?? '')),
      usual: flags.bool('size') ? `${CONTAINER_TABLE}\\t{{.Size}}` : CONTAINER_TABLE,
      headers: CONTAINER_HEADERS,
      quiet: flags.bool('quiet') ? '{{.ID}}' : undefined,
    })
    const last = flags.bool('latest') && flags.number('last') === -1 ? 1 : flags.number('last')
    const containers = await client.get<ContainerSummary[]>('/containers/json', {
      all: flags.bool('all') || undefined,
      limit: last > 0 ? last : undefined,
      // `json` of the whole row does not count as asking for the size, `{{json .}}` does: as in Docker.
      size: flags.bool('size') || (flags.string('format') !== 'json' && format.uses('Size')) || undefined,
      filters: filtersQuery(flags.list('filter')),
    })
    format.print(
      containers.map(container => containerRow(container, !flags.bool('no-trunc'))),
      stdout,
    )
    return 0
  },
}
