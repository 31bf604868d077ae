import { atLeast, type Command } from './command.ts'
import { each } from './each.ts'

/** `image pin` and `image unpin`: what has the name now, all its platforms, is kept from garbage collection, or given back. */
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
