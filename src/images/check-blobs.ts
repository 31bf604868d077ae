import { type Descriptor, type Manifest, mediaTypes } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { familiarName } from '../oci/reference.ts'
import type { CheckResults } from './check-jobs.ts'
import type { CheckRun, Repair } from './check-parts.ts'
import { namesOfImage, refetchBlob, remakeJson, removeImages } from './check-repair.ts'
import type { ImageRow, NameRow } from './image-table.ts'

const INDEXES: readonly string[] = [mediaTypes.index, mediaTypes.dockerManifestList]

/** Checks what images consist of besides their layers: configurations, manifests, and what names stand for in registries. */
export const checkImageBlobs = async (run: CheckRun): Promise<void> => {
  const { table } = run.parts
  for (const { id } of table.images()) {
    // Each time as it is now: an image may be removed meanwhile.
    const row = table.image(id)
    if (row) await checkConfig(run, row)
    const again = table.image(id)
    if (again) await checkManifest(run, again)
  }
  const manifests = new Set(table.images().map(({ manifest }) => manifest.digest))
  const targets = new Map(table.names().flatMap(({ target }) => (target ? [[target.digest, target]] : [])))
  for (const [digest, target] of targets) if (!manifests.has(digest)) await checkTarget(run, target)
}

const checkConfig = async (run: CheckRun, row: ImageRow): Promise<void> => {
  const blob: Descriptor = { mediaType: mediaTypes.config, digest: row.id, size: configSize(run, row) ?? -1 }
  const complain = ({ names }: CheckResults['json']): string | undefined =>
    sameList(names, row.diffIds) ? undefined : 'its diffIDs are not those of the layers that are recorded'
  await checkJson(run, 'config', blob, complain, async (detail, file) =>
    run.problem(
      'config',
      row.id,
      `${detail} (${namesOfImage(run, row.id)})`,
      await restore(run, row, 'config', blob, file),
    ),
  )
}

const checkManifest = async (run: CheckRun, row: ImageRow): Promise<void> => {
  const blob = row.manifest
  const complain = ({ names }: CheckResults['json']): string | undefined =>
    sameList(names, [row.id, ...row.blobs.map(({ digest }) => digest)])
      ? undefined
      : 'it names another configuration or other layers than those that are recorded'
  await checkJson(run, 'manifest', blob, complain, async (detail, file) =>
    run.problem(
      'manifest',
      blob.digest,
      `${detail} (${namesOfImage(run, row.id)})`,
      await restore(run, row, 'manifest', blob, file),
    ),
  )
}

/** Bytes of the configuration as the manifest has it; undefined when that cannot be read. */
const configSize = ({ parts: { content } }: CheckRun, row: ImageRow): number | undefined => {
  try {
    const { config } = JSON.parse(content.readSync(row.manifest.digest).toString()) as Partial<Manifest>
    return config?.digest === row.id ? config.size : undefined
  } catch {
    return undefined
  }
}

/** An index, or a manifest that a name stands for and that is no image's any more. */
const checkTarget = async (run: CheckRun, target: Descriptor): Promise<void> => {
  const what = INDEXES.includes(target.mediaType) ? 'index' : 'manifest'
  await checkJson(
    run,
    what,
    target,
    () => undefined,
    async detail => {
      const names = namesWith(run, target)
        .map(({ reference }) => familiarName(reference))
        .join(', ')
      run.problem(what, target.digest, `${detail} (${names})`, await repairTarget(run, target))
    },
  )
}

/** The names that stand for it in a registry. */
const namesWith = ({ parts: { table } }: CheckRun, { digest }: Descriptor): NameRow[] =>
  table.names().filter(({ target }) => target?.digest === digest)

const checkJson = async (
  run: CheckRun,
  what: 'config' | 'manifest' | 'index',
  blob: Descriptor,
  complain: (found: CheckResults['json']) => string | undefined,
  onProblem: (detail: string, found: CheckResults['json']) => Promise<void>,
): Promise<void> => {
  const { content, leases } = run.parts
  using lease = leases.open()
  lease.hold(blob.digest)
  const found = await run.thread.run({ type: 'json', path: content.path(blob.digest), what }, run.signal)
  run.blobs++
  const detail =
    wrongBytes(blob, found) ?? (found.error === undefined ? complain(found) : `it is no ${what}: ${found.error}`)
  if (detail === undefined) run.checked(what, blob.digest)
  else if (leases.isRecorded(blob.digest)) await onProblem(detail, found)
}

/** What is wrong with a blob's bytes; undefined when they are those of its digest. A size of -1 is not known. */
export const wrongBytes = (
  { digest, size }: Descriptor,
  found: { readonly digest?: Digest; readonly size?: number; readonly error?: string },
): string | undefined => {
  if (found.digest === undefined)
    return /ENOENT/.test(found.error ?? '') ? 'the blob is not there' : `the blob cannot be read: ${found.error}`
  if (size >= 0 && found.size !== size) return `the blob has ${found.size} bytes, not ${size}`
  return found.digest === digest ? undefined : `the blob has other bytes: their digest is ${found.digest}`
}

const restore = async (
  run: CheckRun,
  row: ImageRow,
  what: 'config' | 'manifest',
  blob: Descriptor,
  found: CheckResults['json'],
): Promise<Repair> => {
  const { content, table } = run.parts
  if (found.digest === blob.digest) {
    // The bytes are right, so the record is what is wrong: no blob can mend it.
    return removeImages(run, [row], 'the record of the image does not fit it: remove it and pull it again')
  }
  const bytes = remakeJson(run, row, what)
  if (bytes) {
    if (!run.repair) return { repair: '--repair writes it again from what is known of the image', repaired: false }
    content.remove(blob.digest)
    content.write(bytes)
    return { repair: 'written again from what is known of the image', repaired: true }
  }
  if (!run.repair)
    return { repair: '--repair fetches it again, or removes the image if no registry has it', repaired: false }
  const { from, failure } = await refetchBlob(run, blob, { beside: row.id })
  if (from !== undefined) return { repair: `fetched again from ${from}`, repaired: true }
  // Pulls and removals went on.
  const now = table.image(row.id)
  return now ? removeImages(run, [now], unrestored(failure)) : { repair: 'the image is gone', repaired: true }
}

const repairTarget = async (run: CheckRun, target: Descriptor): Promise<Repair> => {
  if (!run.repair)
    return {
      repair: '--repair fetches it again, or lets the name stand for the platform that is here',
      repaired: false,
    }
  const [name] = namesWith(run, target)
  const { from, failure } = await refetchBlob(run, target, name ? { repository: name.reference } : {})
  if (from !== undefined) return { repair: `fetched again from ${from}`, repaired: true }
  for (const { reference, image } of namesWith(run, target)) run.parts.recorder.name([reference], image)
  return { repair: `${unrestored(failure)}; the name stands for the platform that is here`, repaired: true }
}

export const unrestored = (failure: string | undefined): string =>
  failure === undefined ? 'no registry is known that has it' : `it could not be fetched again: ${failure}`

const sameList = (found: readonly string[] | undefined, expected: readonly string[]): boolean =>
  found?.length === expected.length && expected.every((digest, at) => digest === found[at])
