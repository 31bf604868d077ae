import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'

export const repository = join(import.meta.dirname, '../..')

let root = process.env.TARE_TEST_ROOT

/** The folder below which a run of the tests keeps everything. A file that is run alone makes one and takes it away again. */
export const suiteRoot = (): string => {
  if (root === undefined) {
    const made = mkdtempSync('/tmp/tt.')
    process.on('exit', () => rmSync(made, { recursive: true, force: true }))
    root = made
  }
  mkdirSync(root, { recursive: true })
  return root
}
