import { type Command, NO_ARGUMENTS } from '../command.ts'
import { pruneBuilds, pruneFilters, runPrune } from '../prune.ts'

export const command: Command = {
  usage: '',
  flags: `
  -a, --all                  Remove all unused build cache, not just dangling ones
      --filter filter        Provide filter values (e.g. "until=24h")
  -f, --force                Do not prompt for confirmation
      --keep-storage bytes   Amount of disk space to keep for cache
`,
  args: NO_ARGUMENTS,
  action: (context, flags) => {
    const all = flags.bool('all')
    return runPrune(
      context,
      flags,
      `WARNING! This will remove all ${all ? '' : 'dangling '}build cache. Are you sure you want to continue?`,
      [
        () =>
          pruneBuilds(context.client, pruneFilters(flags, context.config), {
            all,
            keepStorage: flags.bytes('keep-storage'),
          }),
      ],
    )
  },
}
