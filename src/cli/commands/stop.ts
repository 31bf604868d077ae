import { atLeast, type Command } from '../command.ts'
import { each } from '../each.ts'

export const command: Command = {
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: `
  -s, --signal string   Signal to send to the container
  -t, --timeout int     Seconds to wait before killing the container
`,
  aliases: { time: 'timeout' },
  args: atLeast(1),
  action: ({ client, stdout }, flags, names) =>
    each(
      names,
      name =>
        client.post(`/containers/${encodeURIComponent(name)}/stop`, {
          query: {
            signal: flags.string('signal') || undefined,
            t: flags.changed('timeout') ? flags.number('timeout') : undefined,
          },
        }),
      name => stdout.line(name),
    ),
}
