import { type Command, NO_ARGUMENTS } from '../command.ts'
import { pruneFilters, pruneVolumes, runPrune } from '../prune.ts'

export const command: Command = {
  usage: '[OPTIONS]',
  flags: `
  -a, --all             Remove all unused volumes, not just anonymous ones
      --filter filter   Provide filter values (e.g. "label=<label>")
  -f, --force           Do not prompt for confirmation
`,
  args: NO_ARGUMENTS,
  action: (context, flags) => {
    const all = flags.bool('all')
    return runPrune(
      context,
      flags,
      `WARNING! This will remove ${all ? 'all' : 'anonymous'} local volumes not used by at least one container.\nAre you sure you want to continue?`,
      [() => pruneVolumes(context.client, pruneFilters(flags, context.config), all)],
    )
  },
}
