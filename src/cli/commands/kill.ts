import { atLeast, type Command } from '../command.ts'
import { each } from '../each.ts'

export const command: Command = {
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: `
  -s, --signal string   Signal to send to the container
`,
  args: atLeast(1),
  action: ({ client, stdout }, flags, names) =>
    each(
      names,
      name =>
        client.post(`/containers/${encodeURIComponent(name)}/kill`, {
          query: { signal: flags.string('signal') || undefined },
        }),
      name => stdout.line(name),
    ),
}
