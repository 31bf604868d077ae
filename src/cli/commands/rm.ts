import { isKind } from '../../errdefs.ts'
import { atLeast, type Command } from '../command.ts'
import { each } from '../each.ts'
import { describe, Failure } from '../failure.ts'

export const command: Command = {
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: `
  -f, --force     Force the removal of a running container (uses SIGKILL)
  -l, --link      Remove the specified link
  -v, --volumes   Remove anonymous volumes associated with the container
`,
  args: atLeast(1),
  action: ({ client, stdout, stderr }, flags, names) => {
    const force = flags.bool('force')
    const query = {
      v: flags.bool('volumes') || undefined,
      link: flags.bool('link') || undefined,
      force: force || undefined,
    }
    const missing = new Set<string>()
    return each(
      names,
      async given => {
        const name = given.replace(/^\/+|\/+$/g, '')
        if (name === '') throw new Failure(1, 'container name cannot be empty')
        try {
          await client.delete(`/containers/${encodeURIComponent(name)}`, query)
        } catch (error) {
          // Forcing means: I want it gone. It is.
          if (!force || !isKind(error, 'NotFound')) throw error
          missing.add(given)
          stderr.line(describe(error))
        }
      },
      name => {
        if (!missing.has(name)) stdout.line(name)
      },
    )
  },
}
