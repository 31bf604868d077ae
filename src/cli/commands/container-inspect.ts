import { atLeast, type Command } from '../command.ts'
import { OBJECT_FORMAT } from '../format/format-flags.ts'
import { inspectObjects } from '../format/inspect-objects.ts'

export const command: Command = {
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: `
${OBJECT_FORMAT}
  -s, --size            Display total file sizes
`,
  args: atLeast(1),
  action: (context, flags, names) =>
    inspectObjects(
      names,
      flags.string('format'),
      async name =>
        (
          await context.client.request('GET', `/containers/${encodeURIComponent(name)}/json`, {
            query: { size: flags.bool('size') || undefined },
          })
        ).text(),
      context,
    ),
}
