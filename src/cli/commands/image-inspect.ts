import { atLeast, type Command } from '../command.ts'
import { OBJECT_FORMAT } from '../format/format-flags.ts'
import { inspectObjects } from '../format/inspect-objects.ts'

export const command: Command = {
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  flags: `
${OBJECT_FORMAT}
`,
  args: atLeast(1),
  action: (context, flags, names) =>
    inspectObjects(
      names,
      flags.string('format'),
      async name => (await context.client.request('GET', `/images/${encodeURIComponent(name)}/json`)).text(),
      context,
    ),
}
