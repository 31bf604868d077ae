import { atLeast, type Command } from '../command.ts'
import { describe, Failure } from '../failure.ts'

export const command: Command = {
  usage: '[OPTIONS] VOLUME [VOLUME...]',
  flags: `
  -f, --force   Force the removal of one or more volumes
`,
  args: atLeast(1),
  action: async ({ client, stdout }, flags, names) => {
    const failures: string[] = []
    for (const name of names) {
      try {
        await client.delete(`/volumes/${encodeURIComponent(name)}`, { force: flags.bool('force') || undefined })
        stdout.line(name)
      } catch (error) {
        failures.push(describe(error))
      }
    }
    if (failures.length > 0) throw new Failure(1, failures.join('\n'))
    return 0
  },
}
