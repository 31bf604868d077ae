import { canonicalName, parseReference } from '../../oci/reference.ts'
import { type Command, exactly } from '../command.ts'
import { refuseContentTrust } from '../content-trust.ts'
import { Failure } from '../failure.ts'
import { wantedPlatform } from '../platform-flag.ts'
import { pullImage } from '../progress/pull-image.ts'

export const command: Command = {
  usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
  flags: `
  -a, --all-tags                Download all tagged images in the repository
      --disable-content-trust   Skip image verification (default true)
      --platform string         Set platform if server is multi-platform capable
  -q, --quiet                   Suppress verbose output
`,
  args: exactly(1),
  action: async (context, flags, [name = '']) => {
    refuseContentTrust(flags)
    const { stdout } = context
    const reference = parseReference(name)
    const all = flags.bool('all-tags')
    const quiet = flags.bool('quiet')
    const bare = reference.tag === undefined && reference.digest === undefined
    if (all && !bare) throw new Failure(1, "tag can't be used with --all-tags/-a")
    if (bare && !all && !quiet) stdout.line('Using default tag: latest')
    await pullImage(context, name, { platform: wantedPlatform(flags), quiet, all, output: stdout })
    const whole = bare && !all ? { ...reference, tag: 'latest' } : reference
    stdout.line(canonicalName(whole))
    return 0
  },
}
