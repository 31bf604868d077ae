import { atLeast, type Command } from '../command.ts'
import { OBJECT_FORMAT } from '../format/format-flags.ts'
import { inspectObjects } from '../format/inspect-objects.ts'

export const command: Command = {
  usage: '[OPTIONS] NETWORK [NETWORK...]',
  flags: `
${OBJECT_FORMAT}
  -v, --verbose         Verbose output for diagnostics
`,
  args: atLeast(1),
  action: (context, flags, names) =>
    inspectObjects(
      names,
      flags.string('format'),
      async name =>
        (
          await context.client.request('GET', `/networks/${encodeURIComponent(name)}`, {
            query: { verbose: flags.bool('verbose') || undefined },
          })
        ).text(),
      context,
    ),
}
