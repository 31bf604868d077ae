import type { ImageDeleteItem } from '../../api/image.ts'
import { isKind } from '../../errdefs.ts'
import { atLeast, type Command } from '../command.ts'
import { describe, Failure } from '../failure.ts'
import { checkPlatform } from '../platform-flag.ts'

export const command: Command = {
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  flags: `
  -f, --force              Force removal of the image
      --no-prune           Do not delete untagged parents
      --platform strings   Remove only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")
`,
  args: atLeast(1),
  action: async ({ client, stdout, stderr }, flags, names) => {
    const force = flags.bool('force')
    const query = {
      force: force || undefined,
      noprune: flags.bool('no-prune') || undefined,
      platforms: flags.list('platform').map(text => JSON.stringify(checkPlatform(text))),
    }
    const failures: string[] = []
    let fatal = false
    for (const name of names) {
      try {
        for (const item of await client.delete<ImageDeleteItem[]>(`/images/${encodeURIComponent(name)}`, query))
          stdout.line(item.Deleted !== undefined ? `Deleted: ${item.Deleted}` : `Untagged: ${item.Untagged}`)
      } catch (error) {
        if (!force || !isKind(error, 'NotFound')) fatal = true
        failures.push(describe(error))
      }
    }
    if (fatal) throw new Failure(1, failures.join('\n'))
    for (const failure of failures) stderr.line(failure)
    return 0
  },
}
