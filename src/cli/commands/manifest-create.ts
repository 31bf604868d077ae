import { messageOf } from '../../errdefs.ts'
import { canonicalName, type Reference } from '../../oci/reference.ts'
import { atLeast, type Command, type Context } from '../command.ts'
import { Failure } from '../failure.ts'
import { normalized } from '../manifests/image-manifest.ts'
import { ManifestStore } from '../manifests/manifest-store.ts'
import { remoteManifest } from '../manifests/remote-manifest.ts'

export const command: Command = {
  usage: 'MANIFEST_LIST MANIFEST [MANIFEST...]',
  flags: `
  -a, --amend      Amend an existing manifest list
      --insecure   Allow communication with an insecure registry
`,
  args: atLeast(2),
  action: async (context, flags, [name = '', ...names]) => {
    const target = listName(name)
    const store = new ManifestStore(context.config)
    if ((await store.find(target)) !== undefined && !flags.bool('amend'))
      throw new Failure(1, 'refusing to amend an existing manifest list with no --amend flag')
    for (const reference of names.map(normalized)) await add(context, store, target, reference, flags.bool('insecure'))
    context.stdout.line(`Created manifest list ${canonicalName(target)}`)
    return 0
  },
}

const listName = (text: string): Reference => {
  try {
    return normalized(text)
  } catch (error) {
    throw new Failure(1, `error parsing name for manifest list ${text}: ${messageOf(error)}`, { cause: error })
  }
}

/** What the list has already is not asked for again. */
const add = async (
  context: Context,
  store: ManifestStore,
  target: Reference,
  reference: Reference,
  insecure: boolean,
): Promise<void> => {
  const known = await store.get(target, reference)
  if (known?.Raw !== undefined) return
  await store.save(target, reference, await remoteManifest(context, reference, insecure))
}
