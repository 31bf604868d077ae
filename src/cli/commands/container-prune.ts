import type { ContainerPruneResponse } from '../../api/container.ts'
import { type Command, NO_ARGUMENTS } from '../command.ts'
import { confirm } from '../confirm.ts'
import { filtersQuery } from '../filters.ts'
import { humanSize } from '../format/units.ts'

export const command: Command = {
  usage: '[OPTIONS]',
  flags: `
      --filter filter   Provide filter values (e.g. "until=<timestamp>")
  -f, --force           Do not prompt for confirmation
`,
  args: NO_ARGUMENTS,
  action: async (context, flags) => {
    const { client, stdout } = context
    const question = 'WARNING! This will remove all stopped containers.\nAre you sure you want to continue?'
    if (!flags.bool('force') && !(await confirm(context, question))) return 0
    const result = await client.post<ContainerPruneResponse>('/containers/prune', {
      query: { filters: filtersQuery(flags.list('filter')) },
    })
    const deleted = result.ContainersDeleted ?? []
    if (deleted.length > 0) stdout.write(`Deleted Containers:\n${deleted.map(id => `${id}\n`).join('')}\n`)
    stdout.line(`Total reclaimed space: ${humanSize(result.SpaceReclaimed)}`)
    return 0
  },
}
