import { type Command, NO_ARGUMENTS } from '../command.ts'
import { pruneFilters, pruneImages, runPrune } from '../prune.ts'

export const command: Command = {
  usage: '[OPTIONS]',
  flags: `
  -a, --all             Remove all unused images, not just dangling ones
      --filter filter   Provide filter values (e.g. "until=<timestamp>")
  -f, --force           Do not prompt for confirmation
`,
  args: NO_ARGUMENTS,
  action: (context, flags) => {
    const all = flags.bool('all')
    const what = all ? 'all images without at least one container associated to them' : 'all dangling images'
    return runPrune(context, flags, `WARNING! This will remove ${what}.\nAre you sure you want to continue?`, [
      () => pruneImages(context.client, pruneFilters(flags, context.config), all),
    ])
  },
}
