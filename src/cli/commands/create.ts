import { DaemonError } from '../../api/client.ts'
import { atLeast, type Command, PROGRAM } from '../command.ts'
import { CREATE_CHECKS } from '../create/checks.ts'
import { CREATE_ALIASES, CREATE_FLAGS } from '../create/create-flags.ts'
import { describe, Failure } from '../failure.ts'
import { createContainer } from '../session/create-container.ts'

export const command: Command = {
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  flags: CREATE_FLAGS,
  aliases: CREATE_ALIASES,
  check: CREATE_CHECKS,
  interspersed: false,
  args: atLeast(1),
  action: async (context, flags, args) => {
    try {
      context.stdout.line(await createContainer(context, flags, args))
      return 0
    } catch (error) {
      // What the daemon refuses stands alone; what the flags get wrong comes with a hint.
      if (error instanceof DaemonError || error instanceof Failure) throw error
      throw new Failure(125, `${PROGRAM}: ${describe(error)}\n\nRun '${PROGRAM} create --help' for more information`, {
        cause: error,
      })
    }
  },
}
