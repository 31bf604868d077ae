import { closeSync, constants, createReadStream, openSync, readFileSync, readSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { parentPort } from 'node:worker_threads'
import { messageOf } from '../errdefs.ts'
import { type Digest, Digester, digestOf } from '../oci/digest.ts'
import { decompress } from '../storage/archive/decompress.ts'
import { Packer } from '../storage/archive/packer.ts'
import { TreeVerifier } from '../storage/archive/verify-tree.ts'
import type { CheckJob, CheckResult, CheckResults } from './check-jobs.ts'

/** The thread's side of `check-thread.ts`: one job after the other. */
const port = parentPort
if (!port) throw new Error('check-worker: only for a worker thread')

const CHUNK = 1 << 20

/** Hands a file over, chunk by chunk; the chunk's memory is used again. */
const readFile = (path: string, use: (chunk: Buffer) => void): void => {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const buffer = Buffer.allocUnsafeSlow(CHUNK)
    for (let at = 0; ; ) {
      const read = readSync(fd, buffer, 0, CHUNK, at)
      if (read === 0) return
      use(buffer.subarray(0, read))
      at += read
    }
  } finally {
    closeSync(fd)
  }
}

const blob = (path: string): CheckResults['blob'] => {
  const digester = new Digester()
  try {
    readFile(path, chunk => digester.update(chunk))
    return { digest: digester.digest(), size: digester.size }
  } catch (error) {
    return { error: messageOf(error) }
  }
}

const json = (path: string, what: 'config' | 'manifest' | 'index'): CheckResults['json'] => {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    return { error: messageOf(error) }
  }
  const file = { digest: digestOf(bytes), size: bytes.length }
  try {
    return { ...file, names: namesIn(JSON.parse(bytes.toString()), what) }
  } catch (error) {
    return { ...file, error: messageOf(error) }
  }
}

const namesIn = (value: unknown, what: 'config' | 'manifest' | 'index'): string[] => {
  type Any = {
    rootfs?: { diff_ids?: unknown }
    config?: unknown
    layers?: unknown
    manifests?: unknown
  }
  const object = (value ?? {}) as Any
  const list = (items: unknown, field: string): unknown[] => {
    if (!Array.isArray(items)) throw new Error(`it has no ${field}`)
    return items
  }
  const digest = (descriptor: unknown): unknown => (descriptor as { digest?: unknown } | null | undefined)?.digest
  const found =
    what === 'config'
      ? list(object.rootfs?.diff_ids ?? [], 'rootfs.diff_ids')
      : what === 'manifest'
        ? [digest(object.config), ...list(object.layers, 'layers').map(digest)]
        : list(object.manifests, 'manifests').map(digest)
  if (!found.every(name => typeof name === 'string')) throw new Error('it names something without a digest')
  return found as string[]
}

const layer = async (path: string, digest: Digest, tree: string | undefined): Promise<CheckResults['layer']> => {
  const file = blob(path)
  // Other bytes than the right ones tell nothing of a tree.
  if (file.digest !== digest) return file
  const tar = new Digester()
  const verifier = new TreeVerifier()
  try {
    const { stream } = await decompress(createReadStream(path, { highWaterMark: CHUNK }))
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      tar.update(chunk)
      verifier.push(chunk)
    }
  } catch (error) {
    return { ...file, archiveError: messageOf(error) }
  }
  return { ...file, diffId: tar.digest(), ...compare(verifier, tree) }
}

const compare = (verifier: TreeVerifier, tree: string | undefined) => {
  if (tree === undefined) return {}
  try {
    return { report: verifier.compare(tree) }
  } catch (error) {
    return { treeError: messageOf(error) }
  }
}

const packTree = (tree: string): CheckResults['tree'] => {
  const digester = new Digester()
  try {
    for (const chunk of new Packer({ format: 'layer' }).pack(tree)) digester.update(chunk)
    return { diffId: digester.digest() }
  } catch (error) {
    return { error: messageOf(error) }
  }
}

const database = (path: string): CheckResults['database'] => {
  const problems: string[] = []
  try {
    closeSync(openSync(path, 'r'))
    const db = new DatabaseSync(path, { readOnly: true })
    try {
      db.exec('PRAGMA busy_timeout=5000')
      for (const row of db.prepare('PRAGMA integrity_check(20)').all()) {
        const text = String(Object.values(row)[0])
        if (text !== 'ok') problems.push(text)
      }
      for (const row of db.prepare('PRAGMA foreign_key_check').all())
        problems.push(`row ${row.rowid} of ${row.table} refers to a row of ${row.parent} that is not there`)
    } finally {
      db.close()
    }
  } catch (error) {
    problems.push(messageOf(error))
  }
  return { problems }
}

const run = (job: CheckJob): CheckResult | Promise<CheckResult> => {
  if (job.type === 'blob') return blob(job.path)
  if (job.type === 'json') return json(job.path, job.what)
  if (job.type === 'layer') return layer(job.path, job.digest, job.tree)
  if (job.type === 'tree') return packTree(job.tree)
  return database(job.path)
}

port.on('message', async (job: CheckJob) => port.postMessage(await run(job)))
