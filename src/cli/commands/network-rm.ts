import { isKind } from '../../errdefs.ts'
import { atLeast, type Command } from '../command.ts'
import { describe, Failure } from '../failure.ts'

export const command: Command = {
  usage: 'NETWORK [NETWORK...]',
  flags: `
  -f, --force   Do not error if the network does not exist
`,
  args: atLeast(1),
  action: async ({ client, stdout, stderr }, flags, names) => {
    let failed = false
    for (const name of names) {
      try {
        await client.delete(`/networks/${encodeURIComponent(name)}`)
        stdout.line(name)
      } catch (error) {
        if (flags.bool('force') && isKind(error, 'NotFound')) continue
        failed = true
        stderr.line(describe(error))
      }
    }
    // Docker ends with these words too, each failure having been shown as it came.
    if (failed) throw new Failure(1, 'exit status 1')
    return 0
  },
}
