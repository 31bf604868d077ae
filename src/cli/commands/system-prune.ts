import { type Command, NO_ARGUMENTS } from '../command.ts'
import { Failure } from '../failure.ts'
import {
  pruneBuilds,
  pruneContainers,
  pruneFilters,
  pruneImages,
  pruneNetworks,
  pruneVolumes,
  runPrune,
} from '../prune.ts'

export const command: Command = {
  usage: '[OPTIONS]',
  flags: `
  -a, --all             Remove all unused images not just dangling ones
      --filter filter   Provide filter values (e.g. "label=<key>=<value>")
  -f, --force           Do not prompt for confirmation
      --volumes         Prune anonymous volumes
`,
  args: NO_ARGUMENTS,
  action: (context, flags) => {
    const { client } = context
    const [all, volumes, filters] = [flags.bool('all'), flags.bool('volumes'), pruneFilters(flags, context.config)]
    const isUntil = (filter: string): boolean => filter.startsWith('until=')
    if (volumes && flags.list('filter').some(isUntil))
      throw new Failure(1, 'ERROR: The "until" filter is not supported with "--volumes"')
    return runPrune(context, flags, question(all, volumes, filters), [
      () => pruneContainers(client, filters),
      () => pruneNetworks(client, filters),
      ...(volumes ? [() => pruneVolumes(client, filters, false)] : []),
      () => pruneImages(client, filters, all),
      // What the builder keeps has no labels.
      () => pruneBuilds(client, filters.filter(isUntil), { all }),
    ])
  },
}

const question = (all: boolean, volumes: boolean, filters: readonly string[]): string => {
  const lines = [
    '  - all stopped containers',
    '  - all networks not used by at least one container',
    ...(volumes ? ['  - all anonymous volumes not used by at least one container'] : []),
    all ? '  - all images without at least one container associated to them' : '  - all dangling images',
    all ? '  - all build cache' : '  - unused build cache',
  ]
  const shown = filters.filter(filter => /^(label!?|until)=/.test(filter)).sort()
  const filtered =
    shown.length > 0
      ? `\n  Items to be pruned will be filtered with:\n${shown.map(filter => `  - ${filter}\n`).join('')}`
      : ''
  return `WARNING! This will remove:\n${lines.join('\n')}\n${filtered}\nAre you sure you want to continue?`
}
