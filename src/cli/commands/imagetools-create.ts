import { readFile } from 'node:fs/promises'
import { isKind } from '../../errdefs.ts'
import { type Descriptor, type Manifest, mediaTypes } from '../../oci/descriptor.ts'
import { isDigest } from '../../oci/digest.ts'
import type { Platform } from '../../oci/platform.ts'
import { canonicalName, type Reference } from '../../oci/reference.ts'
import { atLeast, type Command } from '../command.ts'
import { Failure } from '../failure.ts'
import { combine, type Source } from '../manifests/combine.ts'
import { copyBlobs, type Place } from '../manifests/copy-blob.ts'
import { fetchJson, isIndexType, normalized, ordered } from '../manifests/image-manifest.ts'
import { openRegistries, type RepositoryOpener } from '../manifests/open-registries.ts'
import type { Output } from '../output.ts'
import { checkPlatform } from '../platform-flag.ts'

export const command: Command = {
  usage: '[OPTIONS] [SOURCE...]',
  flags: `
      --append            Append to existing manifest
      --dry-run           Show final image instead of pushing
  -f, --file list         Read source descriptor from file
  -p, --platform list     Filter specified platforms of target image
      --prefer-index      When only a single source is specified, prefer outputting an image index or manifest list instead of performing a carbon copy (default true)
      --progress string   Set type of progress output ("auto", "none", "plain") (default "auto")
  -t, --tag list          Set reference for new image
`,
  args: atLeast(0),
  action: async (context, flags, names) => {
    const { stdout, stderr } = context
    const files = flags.list('file')
    const dryRun = flags.bool('dry-run')
    const tags = flags.list('tag').map(normalized)
    if (names.length === 0 && files.length === 0) throw new Failure(1, 'ERROR: no sources specified')
    if (!dryRun && tags.length === 0)
      throw new Failure(1, "ERROR: can't push with no tags specified, please set --tag or --dry-run")
    if (flags.bool('append') && tags.length !== 1)
      throw new Failure(1, 'ERROR: append can only be used with a single --tag')
    const platforms = flags.list('platform').map(text => checkPlatform(text))
    const texts = [...names, ...(await Promise.all(files.map(path => readFile(path, 'utf8'))))]
    await using registries = await openRegistries(context, [])
    const sources = await Promise.all(texts.map(text => open(registries, text.trim(), tags[0])))
    if (flags.bool('append')) sources.unshift(...(await existing(registries, tags[0] as Reference)))
    const result = combine(sources, { platforms, preferIndex: flags.bool('prefer-index') })
    if (dryRun) {
      stdout.line(result.bytes.toString())
      return 0
    }
    const quiet = flags.string('progress') === 'none'
    for (const [i, tag] of tags.entries()) {
      const step = new Step(i + 1, quiet ? undefined : stderr, `[internal] pushing ${canonicalName(tag)}`)
      const to = { reference: tag, repository: await registries.open(tag) }
      // A single manifest is itself what is copied; an index needs its parts there before it.
      for (const { descriptor, origin } of result.parts) await copyTree(descriptor, origin, to, step)
      const [only] = sources
      if (result.parts.length === 0 && only !== undefined)
        await copyBlobs(JSON.parse(result.bytes.toString()) as Manifest, only.origin, to)
      const { digest } = await putIndex(to, result.bytes, result.mediaType)
      step.say(`pushing ${digest} to ${canonicalName(tag)}`)
      step.done()
    }
    return 0
  },
}

/** A reference, a digest in the target's repository, or a descriptor as JSON. */
const open = async (
  registries: RepositoryOpener,
  text: string,
  target: Reference | undefined,
): Promise<Source<Place>> => {
  const given = text.startsWith('{') ? (JSON.parse(text) as Descriptor) : undefined
  const digest = given?.digest ?? (isDigest(text) ? text : undefined)
  if (digest !== undefined && target === undefined)
    throw new Failure(1, 'ERROR: a source without a name needs --tag, which says where it lies')
  const reference = digest === undefined ? normalized(text) : { ...(target as Reference), tag: undefined, digest }
  return await load(registries, reference, given?.platform)
}

const load = async (registries: RepositoryOpener, reference: Reference, given?: Platform): Promise<Source<Place>> => {
  const repository = await registries.open(reference)
  const origin = { reference, repository }
  try {
    const { descriptor, bytes } = await repository.manifest(reference.digest ?? (reference.tag as string))
    const { mediaType, digest, size } = descriptor
    if (isIndexType(mediaType)) return { descriptor: { mediaType, digest, size }, bytes, origin }
    const { config } = JSON.parse(bytes.toString()) as Manifest
    const isImage = config.mediaType === mediaTypes.config || config.mediaType === mediaTypes.dockerConfig
    const platform = given ?? (isImage ? ((await fetchJson(repository, config)) as Platform) : undefined)
    return { descriptor: { mediaType, digest, size, ...(platform && { platform: ordered(platform) }) }, bytes, origin }
  } catch (error) {
    if (!isKind(error, 'NotFound')) throw error
    throw new Failure(1, `ERROR: ${canonicalName(reference)}: not found`, { cause: error })
  }
}

/** What `--append` begins with: nothing, where the tag is new. */
const existing = async (registries: RepositoryOpener, tag: Reference): Promise<Source<Place>[]> => {
  try {
    return [await load(registries, tag)]
  } catch (error) {
    if (error instanceof Failure) return []
    throw error
  }
}

/** A manifest with its blobs, or an index within the index with all that it names. */
const copyTree = async (descriptor: Descriptor, from: Place, to: Place, step: Step): Promise<void> => {
  const same = from.reference.domain === to.reference.domain && from.reference.path === to.reference.path
  step.say(`copying ${descriptor.digest} from ${canonicalName(from.reference)} to ${canonicalName(to.reference)}`)
  if (same) return
  const { bytes } = await from.repository.manifest(descriptor.digest)
  if (isIndexType(descriptor.mediaType)) {
    const { manifests } = JSON.parse(bytes.toString()) as { manifests: readonly Descriptor[] }
    for (const child of manifests) await copyTree(child, from, to, step)
  } else await copyBlobs(JSON.parse(bytes.toString()) as Manifest, from, to)
  await to.repository.putManifest(descriptor.digest, bytes, descriptor.mediaType)
}

const putIndex = async ({ reference, repository }: Place, bytes: Buffer, mediaType: string) => ({
  digest: await repository.putManifest(reference.tag ?? (reference.digest as string), bytes, mediaType),
})

/** Lines as a build prints them: a number a tag, and how long it has taken so far. */
class Step {
  readonly #number: number
  readonly #output: Output | undefined
  readonly #begun = performance.now()

  constructor(number: number, output: Output | undefined, name: string) {
    this.#number = number
    this.#output = output
    output?.line(`${number > 1 ? '\n' : ''}#${number} ${name}`)
  }

  say(text: string): void {
    this.#output?.line(`#${this.#number} ${this.#seconds().toFixed(3)} ${text}`)
  }

  done(): void {
    this.#output?.line(`#${this.#number} DONE ${this.#seconds().toFixed(1)}s`)
  }

  #seconds(): number {
    return (performance.now() - this.#begun) / 1000
  }
}
