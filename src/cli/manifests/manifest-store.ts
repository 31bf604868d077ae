import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from '../../errdefs.ts'
import { canonicalName, type Reference } from '../../oci/reference.ts'
import type { ConfigFile } from '../config-file.ts'
import { Failure } from '../failure.ts'
import type { ImageManifest } from './image-manifest.ts'

/** Manifest lists in the making: a folder each, a file a manifest, below `~/.docker/manifests`. Docker's own place and form. */
export class ManifestStore {
  readonly #root: string

  constructor(config: ConfigFile) {
    this.#root = join(config.directory, 'manifests')
  }

  /** Undefined when there is none. */
  async get(list: Reference, reference: Reference): Promise<ImageManifest | undefined> {
    return await this.#read(this.#path(list, reference))
  }

  /** Throws Failure when there is no such list. */
  async list(list: Reference): Promise<ImageManifest[]> {
    const found = await this.find(list)
    if (found === undefined) throw notFound(list)
    return found
  }

  /** Undefined when there is no such list. */
  async find(list: Reference): Promise<ImageManifest[] | undefined> {
    const folder = this.#path(list)
    let names: string[]
    try {
      names = (await readdir(folder)).filter(name => !name.startsWith('.')).sort()
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      throw error
    }
    const manifests: ImageManifest[] = []
    for (const name of names) {
      const manifest = await this.#read(join(folder, name))
      if (manifest) manifests.push(manifest)
    }
    return manifests
  }

  async save(list: Reference, reference: Reference, manifest: ImageManifest): Promise<void> {
    const path = this.#path(list, reference)
    await mkdir(this.#path(list), { recursive: true })
    const temporary = join(this.#path(list), `.${process.pid}.tmp`)
    await writeFile(temporary, JSON.stringify(manifest))
    await rename(temporary, path)
  }

  async remove(list: Reference): Promise<void> {
    await rm(this.#path(list), { recursive: true, force: true })
  }

  #path(...references: Reference[]): string {
    return join(this.#root, ...references.map(name => canonicalName(name).replaceAll(':', '-').replaceAll('/', '_')))
  }

  async #read(path: string): Promise<ImageManifest | undefined> {
    try {
      return JSON.parse(await readFile(path, 'utf8')) as ImageManifest
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      throw error
    }
  }
}

export const notFound = (reference: Reference): Failure =>
  new Failure(1, `No such manifest: ${canonicalName(reference)}`)
