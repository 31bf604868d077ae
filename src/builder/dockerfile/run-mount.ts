import { posix } from 'node:path'

import { messageOf } from '../../errdefs.ts'
import { splitFields } from './comma-fields.ts'
import { SyntaxProblem } from './dockerfile-error.ts'
import { parseGoBoolean, parseGoBytes } from './go-values.ts'
import { suggestion } from './suggestion.ts'

/** A `--mount` as written. Its values may hold variables, but for `from`, which is needed before anything runs. */
export type MountSpec = {
  readonly text: string
  /** A stage or an image. */
  readonly from: string | undefined
}

type Place = {
  /** As written: relative to the working directory when it does not begin with a slash. */
  readonly target: string
  readonly readOnly: boolean
}
type Sourced = Place & {
  /** A stage or an image; undefined: the build context for bind, nothing for cache. */
  readonly from: string | undefined
  /** Inside `from`; empty for all of it. */
  readonly source: string
}
type Ownership = {
  /** Octal as written, here a number; undefined: Docker's default for the type. */
  readonly mode: number | undefined
  readonly uid: number | undefined
  readonly gid: number | undefined
}

/** https://docs.docker.com/reference/dockerfile/#run---mount */
export type RunMount =
  | (Sourced & { readonly type: 'bind' })
  | (Sourced &
      Ownership & {
        readonly type: 'cache'
        readonly id: string
        readonly sharing: 'shared' | 'private' | 'locked'
      })
  /** `size` in bytes; 0: no limit. */
  | (Place & { readonly type: 'tmpfs'; readonly size: number })
  | (Ownership & {
      readonly type: 'secret'
      readonly id: string
      /** Undefined: no file, only the variable. */
      readonly target: string | undefined
      /** A variable that holds the secret. */
      readonly env: string | undefined
      readonly required: boolean
    })
  | (Ownership & {
      readonly type: 'ssh'
      readonly id: string
      /** Undefined: a path of the builder's choice. */
      readonly target: string | undefined
      readonly required: boolean
    })

const TYPES = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const
const SHARINGS = ['shared', 'private', 'locked'] as const
const KEYS = [
  'type', 'from', 'source', 'target', 'readonly', 'id', 'sharing', 'required', 'size', 'mode', 'uid', 'gid', 'src', 'dst',
  'destination', 'ro', 'rw', 'readwrite', 'env',
] // biome-ignore format: a list

type Type = (typeof TYPES)[number]
type Draft = {
  type: Type
  from?: string
  source?: string
  target?: string
  readOnly?: boolean
  required?: boolean
  size?: number
  id?: string
  sharing?: (typeof SHARINGS)[number]
  env?: string
  mode?: number
  uid?: number
  gid?: number
}

/** Reads what must be known before variables are. What holds none is checked whole. @throws SyntaxProblem */
export const parseMountSpec = (text: string): MountSpec => {
  let from: string | undefined
  for (const field of fieldsOf(text)) {
    const [key, value] = splitField(field)
    if (key !== 'from' || value === undefined) continue
    const dollar = value.indexOf('$')
    if (dollar >= 0 && dollar !== value.length - 1)
      throw new SyntaxProblem("'from' doesn't support variable expansion, define alias stage instead")
    from = value === '' ? undefined : value
  }
  if (!text.includes('$')) resolveMount({ text, from }, value => value)
  return { text, from }
}

/** The mount with its variables expanded. `expand` is `expandWord` with the step's variables. @throws SyntaxProblem in Docker's words */
export const resolveMount = ({ text }: MountSpec, expand: (value: string) => string): RunMount => {
  const draft: Draft = { type: 'bind' }
  for (const field of fieldsOf(text)) readField(draft, field, expand)
  return check(draft)
}

const fieldsOf = (text: string): readonly string[] => {
  try {
    return splitFields(text)
  } catch (error) {
    throw new SyntaxProblem(`failed to parse csv mounts: ${messageOf(error)}`)
  }
}

const splitField = (field: string): [key: string, value: string | undefined] => {
  const equals = field.indexOf('=')
  return equals < 0 ? [field.toLowerCase(), undefined] : [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)]
}

const readField = (draft: Draft, field: string, expand: (value: string) => string): void => {
  const [key, written] = splitField(field)
  if (written === undefined) {
    if (key === 'readonly' || key === 'ro') draft.readOnly = true
    else if (key === 'readwrite' || key === 'rw') draft.readOnly = false
    else if (key === 'required') draft.required = onlyFor(['secret', 'ssh'], draft, key, true)
    else throw new SyntaxProblem(`invalid field '${field}' must be a key=value pair`)
    return
  }
  const value = expand(written)
  switch (key) {
    case 'type':
      draft.type = oneOf(TYPES, value, 'unsupported mount type')
      break
    case 'from':
      draft.from = value
      break
    case 'source':
    case 'src':
      draft.source = value
      break
    case 'target':
    case 'dst':
    case 'destination':
      draft.target = value
      break
    case 'readonly':
    case 'ro':
      draft.readOnly = valid(key, value, parseGoBoolean)
      break
    case 'readwrite':
    case 'rw':
      draft.readOnly = !valid(key, value, parseGoBoolean)
      break
    case 'required':
      draft.required = onlyFor(['secret', 'ssh'], draft, key, valid(key, value, parseGoBoolean))
      break
    case 'size':
      draft.size = onlyFor(['tmpfs'], draft, key, valid(key, value, parseGoBytes))
      break
    case 'id':
      draft.id = value
      break
    case 'sharing':
      draft.sharing = oneOf(SHARINGS, value, 'unsupported sharing value')
      break
    case 'mode':
      draft.mode = unsigned(key, value, 8)
      break
    case 'uid':
    case 'gid':
      draft[key] = unsigned(key, value, 10)
      break
    case 'env':
      draft.env = value
      break
    default:
      throw new SyntaxProblem(`unexpected key '${key}' in '${field}'${suggestion(key, KEYS, true)}`)
  }
}

const check = (draft: Draft): RunMount => {
  const { type, from, source = '', target = '', id = '', required = false, mode, uid, gid } = draft
  if (type === 'bind' || type === 'tmpfs') {
    for (const key of ['mode', 'uid', 'gid'] as const)
      if (draft[key] !== undefined)
        throw new SyntaxProblem(`${key} not allowed for ${JSON.stringify(type)} type mounts`)
  }
  if (type === 'secret') {
    if (from) throw new SyntaxProblem('secret mount should not have a from')
    if (draft.sharing) throw new SyntaxProblem('secret mount should not define sharing')
    if (source === '' && target === '' && id === '')
      throw new SyntaxProblem('invalid secret mount. one of source, target required')
    if (source !== '' && id !== '') throw new SyntaxProblem("both source and id can't be set")
  }
  if (draft.sharing && type !== 'cache') throw new SyntaxProblem(`invalid cache sharing set for ${type} mount`)
  if (type === 'ssh' && source !== '') throw new SyntaxProblem('ssh does not support source')
  const ownership = { mode, uid, gid }
  switch (type) {
    case 'secret': {
      const named = source || id || posix.basename(target)
      const file = target || (draft.env === undefined ? `/run/secrets/${posix.basename(named)}` : undefined)
      const env = draft.env === undefined ? undefined : draft.env || named
      return { type, id: named, target: file, env, required, ...ownership }
    }
    case 'ssh':
      return { type, id: id || 'default', target: target || undefined, required, ...ownership }
    case 'tmpfs':
      return { type, target: usableTarget(target), readOnly: draft.readOnly ?? false, size: draft.size ?? 0 }
    case 'cache':
      return {
        type,
        id: id || posix.normalize(target),
        from: from || undefined,
        source,
        target: usableTarget(target),
        readOnly: draft.readOnly ?? false,
        sharing: draft.sharing ?? 'shared',
        ...ownership,
      }
    case 'bind':
      return { type, from: from || undefined, source, target: usableTarget(target), readOnly: draft.readOnly ?? true }
  }
}

const usableTarget = (target: string): string => {
  if (target !== '' && posix.resolve('/', target) === '/' && target.startsWith('/'))
    throw new SyntaxProblem(`invalid mount target ${JSON.stringify('/')}`)
  return target
}

const onlyFor = <Value>(types: readonly Type[], { type }: Draft, key: string, value: Value): Value => {
  if (!types.includes(type)) throw new SyntaxProblem(`unexpected key '${key}' for mount type '${type}'`)
  return value
}

const oneOf = <Option extends string>(options: readonly Option[], value: string, problem: string): Option => {
  const found = options.find(option => option === value.toLowerCase())
  if (found === undefined)
    throw new SyntaxProblem(`${problem} ${JSON.stringify(value)}${suggestion(value, options, true)}`)
  return found
}

const valid = <Value>(key: string, value: string, parse: (text: string) => Value): Value => {
  try {
    return parse(value)
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error
    throw new SyntaxProblem(`invalid value for ${key}: ${value}`)
  }
}

const unsigned = (key: string, value: string, base: 8 | 10): number => {
  const number = (base === 8 ? /^[0-7]+$/ : /^\d+$/).test(value) ? Number.parseInt(value, base) : Number.NaN
  if (!(number < 2 ** 32)) throw new SyntaxProblem(`invalid value ${value} for ${key}`)
  return number
}
