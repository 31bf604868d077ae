import { canonicalName, familiarRepository, parseReference } from '../../oci/reference.ts'
import { type Command, exactly } from '../command.ts'
import { refuseContentTrust } from '../content-trust.ts'
import { registryAuth } from '../credentials/registry-auth.ts'
import { Failure } from '../failure.ts'
import { printNote } from '../format/note.ts'
import { platformQuery } from '../platform-flag.ts'
import { showMessages } from '../progress/json-messages.ts'

const PLATFORM_NOTE = `Using --platform pushes only the specified platform manifest of a multi-platform image index.
Other components, like attestations, will not be included.
To push the complete multi-platform image, remove the --platform flag.
`
const MISSING_NOTE = `You're trying to push a manifest list/index which
references multiple platform specific manifests, but not all of them are available locally
or available to the remote repository.

Make sure you have all the referenced content and try again.

You can also push only a single platform specific manifest directly by specifying the platform you want to push with the --platform flag.`

export const command: Command = {
  usage: '[OPTIONS] NAME[:TAG]',
  flags: `
  -a, --all-tags                Push all tags of an image to the repository
      --disable-content-trust   Skip image signing (default true)
      --platform string         Push a platform-specific manifest as a single-platform image to the registry.
                                Image index won't be pushed, meaning that other manifests, including attestations won't be preserved.
                                'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)
  -q, --quiet                   Suppress verbose output
`,
  args: exactly(1),
  action: async (context, flags, [name = '']) => {
    refuseContentTrust(flags)
    const { client, stdout } = context
    const all = flags.bool('all-tags')
    const quiet = flags.bool('quiet')
    const platform = platformQuery(flags, `Invalid platform ${flags.string('platform')}`)
    if (platform !== undefined) printNote(stdout, PLATFORM_NOTE)
    const reference = parseReference(name)
    const bare = reference.tag === undefined && reference.digest === undefined
    if (all && !bare) throw new Failure(1, "tag can't be used with --all-tags/-a")
    if (reference.digest !== undefined) throw new Failure(1, 'cannot push a digest reference')
    if (!all && bare && !quiet) stdout.line('Using default tag: latest')
    const tag = all ? undefined : (reference.tag ?? 'latest')
    const response = await client.request('POST', `/images/${familiarRepository(reference)}/push`, {
      query: { tag, platform },
      headers: await registryAuth(context, name),
    })
    const notes: string[] = []
    try {
      await showMessages(response.messages(), quiet ? undefined : stdout, aux => notes.push(...noteOf(aux)))
      if (quiet) stdout.line(canonicalName({ ...reference, tag }))
    } finally {
      for (const note of notes) printNote(stdout, note)
    }
    return 0
  },
}

type Aux = {
  readonly manifestPushedInsteadOfIndex?: boolean
  readonly originalIndex?: { readonly digest: string }
  readonly selectedManifest?: { readonly digest: string }
  readonly contentMissing?: boolean
}

/** What the daemon says beside its progress, where that concerns the user. */
const noteOf = (aux: unknown): string[] => {
  const { manifestPushedInsteadOfIndex, originalIndex, selectedManifest, contentMissing } = aux as Aux
  const notes: string[] = []
  if (manifestPushedInsteadOfIndex)
    notes.push(
      `Not all multiplatform-content is present and only the available single-platform image was pushed\n\x1b[31m${originalIndex?.digest}\x1b[0m -> \x1b[32m${selectedManifest?.digest}\x1b[0m`,
    )
  if (contentMissing) notes.push(MISSING_NOTE)
  return notes
}
