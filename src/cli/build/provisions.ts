import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { ExportOption } from '../../api/build-options.ts'
import { fileFault } from '../create/environment.ts'
import { csvFields, csvPairs } from './csv-fields.ts'

/** What the daemon may ask of us in the course of a build. */
export type Secret = { readonly id: string; readonly env: string | undefined; readonly file: string }

/** `id=x,src=path`, `id=x,env=NAME`, `id=x`. Throws an Error in buildx's words. */
export const parseSecret = (text: string): Secret => {
  const given = Object.fromEntries(csvPairs(text)) as Record<string, string | undefined>
  const { id, type = '', env } = given
  if (!['', 'file', 'env'].includes(type)) throw new Error(`unsupported secret type ${JSON.stringify(type)}`)
  if (!id) throw new Error('secret missing ID')
  const file = given.src ?? given.source ?? ''
  if (env !== undefined || type === 'env') return { id, env: env ?? (file || id), file: '' }
  if (file === '' && type === '' && process.env[id] !== undefined) return { id, env: id, file: '' }
  const path = file || id
  try {
    statSync(path)
  } catch (error) {
    throw new Error(`failed to stat ${path}: ${fileFault('stat', path, error)}`, { cause: error })
  }
  return { id, env: undefined, file: path }
}

/** One agent that steps may talk to: a socket of an agent that runs, or private keys for one of our own. */
export type Agent = { readonly id: string; readonly socket: string | undefined; readonly keys: readonly string[] }

/** `default`, `id=/socket`, `id=key,key`. Throws an Error in buildx's words. */
export const parseAgent = (text: string): Agent => {
  const equals = text.indexOf('=')
  const id = (equals < 0 ? text : text.slice(0, equals)) || 'default'
  const paths = equals < 0 ? [] : text.slice(equals + 1).split(',')
  const fail = (why: string): never => {
    throw new Error(`failed to convert agent config {${id} [${paths.join(' ')}] false}: ${why}`)
  }
  if (paths.length === 0) {
    const socket = process.env.SSH_AUTH_SOCK
    if (!socket) return fail('invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set')
    return { id, socket, keys: [] }
  }
  const sockets = paths.filter(path => {
    try {
      return statSync(path).isSocket()
    } catch (error) {
      return fail(`failed to convert agent config for ID: ${JSON.stringify(id)}: ${fileFault('stat', path, error)}`)
    }
  })
  if (sockets.length > 1) return fail('only single socket allowed')
  if (sockets.length === 1 && paths.length > 1) return fail('invalid combination of keys and sockets')
  return sockets.length === 1 ? { id, socket: sockets[0], keys: [] } : { id, socket: undefined, keys: paths }
}

/** Where one exporter's bytes go. */
export type Destination =
  | { readonly kind: 'none' }
  | { readonly kind: 'stdout' }
  | { readonly kind: 'file'; readonly path: string }
  /** A tar of files that are put there. */
  | { readonly kind: 'directory'; readonly path: string }

export type Output = { readonly option: ExportOption; readonly destination: Destination }

const TYPES = ['image', 'docker', 'oci', 'local', 'tar', 'registry', 'cacheonly']

/** `type=local,dest=path`, a path alone (a directory), `-` (a tar to standard output). Throws an Error in buildx's words. */
export const parseOutput = (text: string, stdoutIsTerminal: boolean): Output => {
  const plain = !csvFields(text).some(field => field.includes('='))
  const given = new Map(
    plain
      ? text === '-'
        ? [
            ['type', 'tar'],
            ['dest', '-'],
          ]
        : [
            ['type', 'local'],
            ['dest', text],
          ]
      : csvPairs(text),
  ) as Map<string, string>
  const type = given.get('type')
  const dest = given.get('dest') ?? given.get('destination') ?? ''
  for (const name of ['type', 'dest', 'destination']) given.delete(name)
  if (type === undefined) throw new Error('type is required for output')
  if (!TYPES.includes(type)) throw new Error(`failed to solve: exporter ${JSON.stringify(type)} could not be found`)
  const option = (toClient: boolean): ExportOption => ({
    type: type as ExportOption['type'],
    attributes: Object.fromEntries(given),
    toClient,
  })
  const toStdout = (): Output => {
    if (stdoutIsTerminal) throw new Error(`dest file is required for ${type} exporter. refusing to write to console`)
    return { option: option(true), destination: { kind: 'stdout' } }
  }
  const toDirectory = type === 'local' || (type === 'oci' && given.get('tar') === 'false')
  if (toDirectory) {
    if (dest === '') throw new Error(`dest is required for ${type} exporter`)
    if (dest === '-') throw new Error(`dest cannot be stdout for ${type} exporter`)
    const path = resolve(dest)
    if (existsSync(path) && !statSync(path).isDirectory()) throw new Error(`destination directory ${path} is a file`)
    return { option: option(true), destination: { kind: 'directory', path } }
  }
  if (type === 'tar' || type === 'oci' || (type === 'docker' && dest !== '')) {
    if (dest === '' || dest === '-') return toStdout()
    const path = resolve(dest)
    if (existsSync(path) && statSync(path).isDirectory()) throw new Error(`destination file ${path} is a directory`)
    return { option: option(true), destination: { kind: 'file', path } }
  }
  if (dest !== '') throw new Error(`dest is not supported for ${type} exporter`)
  return { option: option(false), destination: { kind: 'none' } }
}
