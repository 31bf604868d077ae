import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { TestDaemon } from '../test/harness/daemon.ts'
import {
  layerOf,
  type MadeImage,
  type Member,
  makeImage,
  makeLayer,
  noise,
  publish,
} from '../test/harness/layer-image.ts'
import { TestRegistry } from '../test/harness/registry.ts'
import { repository } from '../test/harness/suite-root.ts'

const FOLDERS = 300
const FILES_PER_FOLDER = 100

/** 30,000 files of a few kilobytes in one layer, as `node_modules` has them: compressible, and the same each time. */
const manyFiles = (): MadeImage => {
  const letters = noise(8 << 20, 7)
  // Text-like: sixteen different letters.
  for (let at = 0; at < letters.length; at++) letters[at] = 97 + ((letters[at] as number) & 15)
  const members: Member[] = []
  let from = 0
  for (let folder = 0; folder < FOLDERS; folder++) {
    members.push({ path: `app/${folder}/`, type: 'directory' })
    for (let file = 0; file < FILES_PER_FOLDER; file++) {
      const size = 500 + ((folder * 131 + file * 977) % 4600)
      from = (from + 7919) % (letters.length - 8192)
      members.push({ path: `app/${folder}/${file}.js`, content: letters.subarray(from, from + size) })
    }
  }
  return makeImage({ layers: [makeLayer(members)] })
}

/** One gibibyte in four layers, half of it incompressible. */
const large = (): MadeImage => {
  const layer = (at: number) => {
    const members: Member[] = []
    for (let file = 0; file < 16; file++) {
      const content = Buffer.alloc(16 << 20)
      noise(8 << 20, at * 16 + file + 1).copy(content)
      members.push({ path: `data/${at}-${file}`, content })
    }
    return makeLayer(members)
  }
  return makeImage({ layers: [1, 2, 3, 4].map(layer) })
}

/** What is pulled and pushed: in a registry on the loopback, and as archives that any engine loads. */
export class PullImages implements AsyncDisposable {
  readonly registry: TestRegistry
  /** A tar of Debian's root file system with Python and NumPy, as `docker import` takes it. */
  readonly debianTar: Buffer

  private constructor(registry: TestRegistry, debianTar: Buffer) {
    this.registry = registry
    this.debianTar = debianTar
  }

  static async make(): Promise<PullImages> {
    const registry = await TestRegistry.start()
    try {
      const debianTar = await debian()
      const images = { debian: makeImage({ layers: [makeLayer(debianTar)] }), many: manyFiles(), large: large() }
      for (const [name, image] of Object.entries(images)) await publish(registry.url, name, 'latest', image)
      for (const [name, image] of Object.entries(images)) {
        const { tar, descriptor } = layerOf(image)
        console.log(
          `${name}: ${image.layers.length} layers, the first ${mib(tar.length)}, compressed ${mib(descriptor.size)}`,
        )
      }
      return new PullImages(registry, debianTar)
    } catch (error) {
      await registry[Symbol.asyncDispose]()
      throw error
    }
  }

  name(image: 'debian' | 'many' | 'large'): string {
    return `${this.registry.host}/${image}:latest`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]()
  }
}

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`

/** Built by the engine itself from packages: Debian with the Python and NumPy of `examples/two-pythons`. */
const debian = async (): Promise<Buffer> => {
  await using daemon = await TestDaemon.start({ busybox: false })
  const context = join(repository, 'examples/two-pythons')
  const dockerfile = join(context, 'bookworm.Dockerfile')
  for (const command of [
    ['image', 'bootstrap', 'debian:bookworm-slim'],
    ['build', '-q', '-t', 'bench', '-f', dockerfile, context],
  ]) {
    const { code, stderr } = await daemon.tare(command, { timeout: 300_000 })
    if (code !== 0) throw new Error(`tare ${command.join(' ')} ended with ${code}: ${stderr}`)
  }
  const id = (await daemon.tare(['create', 'bench'])).stdout.trim()
  return execFileSync('docker', ['-H', daemon.host, 'export', id], { maxBuffer: 2 ** 30 })
}
