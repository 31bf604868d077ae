import { existsSync, realpathSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { CacheOption } from '../../api/build-options.ts'
import { csvFields, csvPairs } from './csv-fields.ts'
import type { Destination } from './provisions.ts'

/** `--cache-from`; `root`: our directory that it is. */
export type CacheFrom = { readonly option: CacheOption; readonly root: string | undefined }

export type CacheTo = { readonly option: CacheOption; readonly destination: Destination }

/** `type=local,src=DIR`, `type=registry,ref=NAME`, or images' names. Throws an Error in buildx's words. */
export const parseCacheFrom = (text: string): CacheFrom[] =>
  parseCache(text).map(({ type, attributes: { src = '', ...attributes } }) => {
    if (type !== 'local')
      return { option: { type, attributes: src === '' ? attributes : { src, ...attributes } }, root: undefined }
    if (src === '') throw new Error('local cache importer requires src')
    // As in buildx, a cache that is not there yet is no mistake: the daemon says that it found none.
    const root = existsSync(join(src, 'index.json')) ? realpathSync(src) : undefined
    return { option: { type, attributes }, root }
  })

/** `type=local,dest=DIR`, `type=registry,ref=NAME`, `type=inline`, or images' names. Throws an Error in buildx's words. */
export const parseCacheTo = (text: string): CacheTo[] =>
  parseCache(text).map(({ type, attributes: { dest = '', ...attributes } }) => {
    if (type !== 'local')
      return {
        option: { type, attributes: dest === '' ? attributes : { dest, ...attributes } },
        destination: { kind: 'none' },
      }
    if (dest === '') throw new Error('local cache exporter requires dest')
    const path = resolve(dest)
    if (existsSync(path) && !statSync(path).isDirectory()) throw new Error(`destination directory ${path} is a file`)
    return { option: { type, attributes }, destination: { kind: 'directory', path } }
  })

const parseCache = (text: string): CacheOption[] => {
  const fields = csvFields(text)
  if (fields.every(field => !field.includes('='))) return fields.map(ref => ({ type: 'registry', attributes: { ref } }))
  const { type = '', ...attributes } = Object.fromEntries(csvPairs(text)) as Record<string, string>
  if (type === '') throw new Error(`type required form> ${JSON.stringify(text)}`)
  return [{ type, attributes }]
}
