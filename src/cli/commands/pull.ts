import { canonicalName, parseReference } from '../../oci/reference.ts'
import { type Command, exactly } from '../command.ts'
import { Failure } from '../failure.ts'
import { pullImage } from '../progress/pull-image.ts'

export const command: Command = {
  usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
  flags: `
  -a, --all-tags          Download all tagged images in the repository
      --platform string   Set platform if server is multi-platform capable
  -q, --quiet             Suppress verbose output
`,
  args: exactly(1),
  action: async (context, flags, [name = '']) => {
    const { stdout } = context
    const reference = parseReference(name)
    const all = flags.bool('all-tags')
    const bare = reference.tag === undefined && reference.digest === undefined
    if (all && !bare) throw new Failure(1, "tag can't be used with --all-tags/-a")
    if (bare && !all && !flags.bool('quiet')) stdout.line('Using default tag: latest')
    await pullImage(context, name, {
      platform: flags.string('platform') || undefined,
      quiet: flags.bool('quiet'),
      all,
      output: stdout,
    })
    const whole = bare && !all ? { ...reference, tag: 'latest' } : reference
    stdout.line(canonicalName(whole))
    return 0
  },
}
