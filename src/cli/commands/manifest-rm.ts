import { atLeast, type Command } from '../command.ts'
import { describe, Failure } from '../failure.ts'
import { normalized } from '../manifests/image-manifest.ts'
import { ManifestStore } from '../manifests/manifest-store.ts'

export const command: Command = {
  usage: 'MANIFEST_LIST [MANIFEST_LIST...]',
  args: atLeast(1),
  action: async ({ config }, _, names) => {
    const store = new ManifestStore(config)
    const failures: string[] = []
    for (const name of names)
      try {
        const list = normalized(name)
        await store.list(list)
        await store.remove(list)
      } catch (error) {
        failures.push(describe(error))
      }
    if (failures.length > 0) throw new Failure(1, failures.join('\n'))
    return 0
  },
}
