import { messageOf } from '../../errdefs.ts'
import type { Reference } from '../../oci/reference.ts'
import { type Command, exactly } from '../command.ts'
import { Failure } from '../failure.ts'
import { normalized } from '../manifests/image-manifest.ts'
import { annotated } from '../manifests/manifest-list.ts'
import { ManifestStore } from '../manifests/manifest-store.ts'

export const command: Command = {
  usage: '[OPTIONS] MANIFEST_LIST MANIFEST',
  flags: `
      --arch string           Set architecture
      --os string             Set operating system
      --os-features strings   Set operating system feature
      --os-version string     Set operating system version
      --variant string        Set architecture variant
`,
  args: exactly(2),
  action: async ({ config }, flags, [list = '', image = '']) => {
    const target = named('manifest list', list)
    const reference = named('manifest', image)
    const store = new ManifestStore(config)
    const manifest = await store.get(target, reference)
    if (manifest === undefined) throw new Failure(1, `manifest for image ${image} does not exist in ${list}`)
    const changed = annotated(manifest, {
      os: flags.string('os'),
      architecture: flags.string('arch'),
      variant: flags.string('variant'),
      version: flags.string('os-version'),
      features: flags.list('os-features'),
    })
    await store.save(target, reference, changed)
    return 0
  },
}

const named = (what: string, text: string): Reference => {
  try {
    return normalized(text)
  } catch (error) {
    throw new Failure(1, `annotate: error parsing name for ${what} ${text}: ${messageOf(error)}`, { cause: error })
  }
}
