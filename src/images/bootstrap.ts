import { randomBytes } from 'node:crypto'
import type { JsonMessage } from '../api/image.ts'
import type { ImageConfig } from '../oci/image-config.ts'
import { hostPlatform } from '../oci/platform.ts'
import { familiarName } from '../oci/reference.ts'
import type { Snapshotter } from '../storage/snapshots/snapshotter.ts'
import { installBusybox } from './bootstrap/busybox.ts'
import { type Recipe, recipeFor } from './bootstrap/catalogue.ts'
import { installDebian } from './bootstrap/debian.ts'
import { BOOTSTRAP_PREFIX } from './bootstrap-prefix.ts'
import type { Image } from './image.ts'
import type { ImageRecorder } from './image-recorder.ts'
import type { ImageTable } from './image-table.ts'
import type { LayerStore } from './layer-store.ts'

type Parts = {
  readonly layers: LayerStore
  readonly recorder: ImageRecorder
  readonly table: ImageTable
  readonly snapshotter: Snapshotter
}

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * Makes a base image from the distribution's own packages: they are installed right into a writable snapshot, which becomes
 * the layer. Same packages, same image. InvalidArgument, with what there is, for an unknown name; Unavailable when a
 * program for it is missing.
 */
export const bootstrapImage = async (
  parts: Parts,
  name: string,
  onMessage: (message: JsonMessage) => void,
  signal?: AbortSignal,
): Promise<Image> => {
  const { snapshotter, layers, recorder, table } = parts
  const recipe = recipeFor(name)
  const shown = familiarName(recipe.reference)
  const onStatus = (status: string): void => onMessage({ status, id: shown })
  const key = `${BOOTSTRAP_PREFIX}${randomBytes(6).toString('hex')}`
  snapshotter.prepare(key, [])
  try {
    const { epoch, command } = await install(recipe, snapshotter.describe(key).UpperDir as string, onStatus, signal)
    onStatus('Storing the layer')
    const layer = await layers.commit(key)
    const created = new Date(epoch).toISOString().replace('.000Z', 'Z')
    const config: ImageConfig = {
      created,
      ...hostPlatform(),
      config: { Env: [PATH], Cmd: [recipe.kind === 'debian' ? 'bash' : 'sh'] },
      rootfs: { type: 'layers', diff_ids: [layer.diffId] },
      history: [{ created, created_by: `# ${command}`, comment: `tare image bootstrap ${shown}` }],
    }
    const before = table.named(recipe.reference)?.image
    const image = recorder.create(config, [layer])
    recorder.name([recipe.reference], image.id)
    recorder.publishEvent('import', image.id, image.id)
    recorder.publishEvent('tag', image.id, shown)
    onMessage({ status: `Digest: ${image.manifest}` })
    onMessage({
      status: before === image.id ? `Status: Image is up to date for ${shown}` : `Status: Made ${shown} from packages`,
    })
    return image
  } finally {
    await snapshotter.remove(key)
  }
}

const install = (recipe: Recipe, root: string, onStatus: (status: string) => void, signal: AbortSignal | undefined) =>
  recipe.kind === 'busybox'
    ? installBusybox(root, onStatus, signal)
    : installDebian({ suite: recipe.suite, slim: recipe.slim, root, onStatus, signal })
