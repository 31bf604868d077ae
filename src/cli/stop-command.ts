import { atLeast, type Command } from './command.ts'
import { each } from './each.ts'

/** `stop` and `restart`: the same flags for the same end. */
export const stopCommand = (verb: 'stop' | 'restart'): Command => ({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: `
  -s, --signal string   Signal to send to the container
  -t, --timeout int     Seconds to wait before killing the container
`,
  aliases: { time: 'timeout' },
  args: atLeast(1),
  action: ({ client, stdout }, flags, names) => {
    const signal = flags.string('signal') || undefined
    const t = flags.changed('timeout') ? flags.number('timeout') : undefined
    return each(
      names,
      name => client.post(`/containers/${encodeURIComponent(name)}/${verb}`, { query: { signal, t } }),
      name => stdout.line(name),
    )
  },
})
