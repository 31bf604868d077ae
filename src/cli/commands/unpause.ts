import { atLeast, type Command } from '../command.ts'
import { each } from '../each.ts'

export const command: Command = {
  usage: 'CONTAINER [CONTAINER...]',
  args: atLeast(1),
  action: ({ client, stdout }, _, names) =>
    each(
      names,
      name => client.post(`/containers/${encodeURIComponent(name)}/unpause`),
      name => stdout.line(name),
    ),
}
