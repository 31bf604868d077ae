import { type Command, NO_ARGUMENTS } from '../command.ts'
import { confirm } from '../confirm.ts'
import { filtersQuery } from '../filters.ts'

export const command: Command = {
  usage: '[OPTIONS]',
  flags: `
      --filter filter   Provide filter values (e.g. "until=<timestamp>")
  -f, --force           Do not prompt for confirmation
`,
  args: NO_ARGUMENTS,
  action: async (context, flags) => {
    const { client, stdout } = context
    const question =
      'WARNING! This will remove all custom networks not used by at least one container.\nAre you sure you want to continue?'
    if (!flags.bool('force') && !(await confirm(context, question))) return 0
    const result = await client.post<{ NetworksDeleted: readonly string[] | null }>('/networks/prune', {
      query: { filters: filtersQuery(flags.list('filter')) },
    })
    const deleted = result.NetworksDeleted ?? []
    if (deleted.length > 0) stdout.write(`Deleted Networks:\n${deleted.map(name => `${name}\n`).join('')}\n`)
    return 0
  },
}
