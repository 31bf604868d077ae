import { atLeast, type Command } from './command.ts'
import { each } from './each.ts'

/** `image pin` and `image unpin`. A pin belongs to a name, and outlives the image that has the name now. */
export const pinCommand = (verb: 'pin' | 'unpin'): Command => ({
  usage: 'IMAGE [IMAGE...]',
  args: atLeast(1),
  action: ({ client, stdout }, _, names) =>
    each(
      names,
      name => client.post(`/images/${encodeURIComponent(name)}/${verb}`),
      name => stdout.line(name),
    ),
})
