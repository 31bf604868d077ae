import { existsSync, statSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import type { Digest } from '../oci/digest.ts'
import { familiarName } from '../oci/reference.ts'
import { checkImageBlobs } from './check-blobs.ts'
import { checkLayers } from './check-layers.ts'
import { type CheckOptions, type CheckParts, CheckRun } from './check-parts.ts'
import { CheckThread } from './check-thread.ts'

/** Milliseconds since its last change after which nobody can be about to record a blob. */
const SETTLED = 60_000

/**
 * Looks over everything that is stored: every blob against its digest, all that names another thing against what is there, every
 * tree against its layer's blob, and SQLite's rows against the disk, both ways. Changes nothing without `repair`. Pulls, builds
 * and removals may go on meanwhile: what is looked at is held, and judged as it is recorded then.
 */
export const checkStorage = async (parts: CheckParts, options: CheckOptions): Promise<void> => {
  await using thread = new CheckThread()
  const run = new CheckRun(parts, thread, options)
  try {
    await checkDatabase(run)
    await checkImageBlobs(run)
    await checkLayers(run)
    await checkSnapshots(run)
    await checkVolumes(run)
    await checkStrays(run)
  } finally {
    if (run.needsCollection) await parts.recorder.collect()
  }
  run.end()
}

const checkDatabase = async (run: CheckRun): Promise<void> => {
  const { database: path } = await run.facts()
  const { problems } = await run.thread.run({ type: 'database', path }, run.signal)
  for (const problem of problems)
    run.problem('database', path, problem, { repair: 'none: put a backup in its place', repaired: false })
  if (problems.length === 0) run.checked('database', path)
  const { table } = run.parts
  for (const { reference, image } of table.names()) {
    if (table.image(image)) continue
    const repair = run.repair ? 'the name is removed' : '--repair removes the name'
    if (run.repair) table.unname(reference)
    run.problem('name', familiarName(reference), `the name stands for image ${image}, which is not here`, {
      repair,
      repaired: run.repair,
    })
  }
}

/** What containers have written, and what they stand on. */
const checkSnapshots = async (run: CheckRun): Promise<void> => {
  const { snapshotter } = run.parts
  for (const { id, name } of (await run.facts()).containers) {
    const stack = snapshotter.stack(id)
    const { UpperDir = '', WorkDir = '' } = stack === undefined ? {} : snapshotter.describe(id)
    if (stack === undefined || !existsSync(UpperDir)) {
      const { containers } = await run.facts()
      if (!containers.some(container => container.id === id)) continue
      const detail = `what container ${name} has written is gone${UpperDir === '' ? '' : `: ${UpperDir} is not there`}`
      run.problem('container', id, detail, { repair: 'none: remove the container, and run it again', repaired: false })
      continue
    }
    if (!existsSync(WorkDir)) {
      if (run.repair) await mkdir(WorkDir, { mode: 0o711 })
      const repair = run.repair ? 'made again' : '--repair makes it again'
      run.problem('snapshot', id, `${WorkDir} is not there (container ${name})`, { repair, repaired: run.repair })
      continue
    }
    const missing = stack.find(diffId => snapshotter.layer(diffId) === undefined)
    if (missing === undefined) run.checked('container', id)
    else {
      const detail = `container ${name} stands on layer ${missing}, which is not here`
      run.problem('container', id, detail, { repair: 'none: pull its image again', repaired: false })
    }
  }
}

const checkVolumes = async (run: CheckRun): Promise<void> => {
  for (const { name, path } of (await run.facts()).volumes) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
      run.checked('volume', name)
      continue
    }
    if (run.repair) await mkdir(path, { recursive: true, mode: 0o755 })
    const repair = run.repair
      ? 'made again, empty: what was in it has to come from a backup'
      : '--repair makes it again, empty'
    run.problem('volume', name, `${path} is not there`, { repair, repaired: run.repair })
  }
}

/** What lies among ours and is nobody's. */
const checkStrays = async (run: CheckRun): Promise<void> => {
  const { content, leases, snapshotter } = run.parts
  const now = Date.now()
  const isStray = (digest: Digest): boolean => {
    const stat = statSync(content.path(digest), { throwIfNoEntry: false })
    return stat !== undefined && now - stat.mtimeMs > SETTLED && !leases.isHeld(digest) && !leases.isRecorded(digest)
  }
  const suspects = content.list().filter(isStray)
  const folders = await snapshotter.strays()
  // Whoever was just about to record one has done so then.
  await setImmediate()
  for (const digest of suspects.filter(isStray)) {
    if (run.repair) content.remove(digest)
    tellStray(run, digest, 'a blob that nothing recorded consists of')
  }
  const still = new Set(await snapshotter.strays())
  for (const path of folders.filter(folder => still.has(folder))) {
    if (run.repair) await rm(path, { recursive: true, force: true })
    tellStray(run, path, 'a folder that nothing recorded lies in')
  }
}

const tellStray = (run: CheckRun, id: string, detail: string): void =>
  run.problem('stray', id, detail, { repair: run.repair ? 'removed' : '--repair removes it', repaired: run.repair })
