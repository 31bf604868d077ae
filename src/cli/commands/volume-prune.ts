import type { VolumePruneResponse } from '../../api/volume.ts'
import { type Command, NO_ARGUMENTS } from '../command.ts'
import { confirm } from '../confirm.ts'
import { filtersQuery } from '../filters.ts'
import { humanSize } from '../format/units.ts'

export const command: Command = {
  usage: '[OPTIONS]',
  flags: `
  -a, --all             Remove all unused volumes, not just anonymous ones
      --filter filter   Provide filter values (e.g. "label=<label>")
  -f, --force           Do not prompt for confirmation
`,
  args: NO_ARGUMENTS,
  action: async (context, flags) => {
    const { client, stdout } = context
    const all = flags.bool('all')
    const kind = all ? '' : 'anonymous '
    const question = `WARNING! This will remove ${kind || 'all '}local volumes not used by at least one container.\nAre you sure you want to continue?`
    if (!flags.bool('force') && !(await confirm(context, question))) return 0
    const filters = filtersQuery(flags.list('filter'), all ? [['all', 'true']] : [])
    const result = await client.post<VolumePruneResponse>('/volumes/prune', { query: { filters } })
    const deleted = result.VolumesDeleted ?? []
    if (deleted.length > 0) stdout.write(`Deleted Volumes:\n${deleted.map(name => `${name}\n`).join('')}\n`)
    stdout.line(`Total reclaimed space: ${humanSize(result.SpaceReclaimed)}`)
    return 0
  },
}
