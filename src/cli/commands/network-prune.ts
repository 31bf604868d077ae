import { type Command, NO_ARGUMENTS } from '../command.ts'
import { pruneFilters, pruneNetworks, runPrune } from '../prune.ts'

export const command: Command = {
  usage: '[OPTIONS]',
  flags: `
      --filter filter   Provide filter values (e.g. "until=<timestamp>")
  -f, --force           Do not prompt for confirmation
`,
  args: NO_ARGUMENTS,
  action: (context, flags) =>
    runPrune(
      context,
      flags,
      'WARNING! This will remove all custom networks not used by at least one container.\nAre you sure you want to continue?',
      [() => pruneNetworks(context.client, pruneFilters(flags, context.config))],
    ),
}
