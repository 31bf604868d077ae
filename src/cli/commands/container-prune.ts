import { type Command, NO_ARGUMENTS } from '../command.ts'
import { pruneContainers, pruneFilters, runPrune } from '../prune.ts'

export const command: Command = {
  usage: '[OPTIONS]',
  flags: `
      --filter filter   Provide filter values (e.g. "until=<timestamp>")
  -f, --force           Do not prompt for confirmation
`,
  args: NO_ARGUMENTS,
  action: (context, flags) =>
    runPrune(context, flags, 'WARNING! This will remove all stopped containers.\nAre you sure you want to continue?', [
      () => pruneContainers(context.client, pruneFilters(flags, context.config)),
    ]),
}
