import { printValue, sprint, sprintf, typeName } from './print-value.ts'
import { BigNumber, isMap, isTrue, Row, toJson, type Value } from './value.ts'

type TemplateFunction = { readonly min: number; readonly max: number; readonly call: (...args: Value[]) => Value }
const MANY = Number.POSITIVE_INFINITY
const define = (min: number, max: number, call: (...args: Value[]) => Value): TemplateFunction => ({ min, max, call })

const comparable = (value: Value): string | number | boolean | null => {
  if (value instanceof BigNumber) return Number(value.digits)
  if (value === null || value === undefined) return null
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  throw new Error('invalid type for comparison')
}
const pair = (a: Value, b: Value): [string | number | boolean | null, string | number | boolean | null] => {
  const [left, right] = [comparable(a), comparable(b)]
  if (left !== null && right !== null && typeof left !== typeof right)
    throw new Error('incompatible types for comparison')
  return [left, right]
}
const equal = (a: Value, b: Value): boolean => {
  const [left, right] = pair(a, b)
  return left === right
}
const less = (a: Value, b: Value): boolean => {
  const [left, right] = pair(a, b)
  if (left === null || right === null || typeof left === 'boolean') throw new Error('invalid type for comparison')
  return (left as string | number) < (right as string | number)
}

const at = (container: Value, key: Value): Value => {
  if (isMap(container)) {
    if (typeof key !== 'string') throw new Error(`value has type ${typeName(key)}; should be string`)
    return container[key]
  }
  const items = typeof container === 'string' ? Buffer.from(container) : container
  if (container === null || container === undefined) throw new Error('index of untyped nil')
  if (!Array.isArray(items) && !Buffer.isBuffer(items))
    throw new Error(`can't index item of type ${typeName(container)}`)
  if (typeof key !== 'number') throw new Error(`cannot index slice/array with type ${typeName(key)}`)
  if (key < 0 || key >= items.length) throw new Error(`index out of range: ${key}`)
  return items[key]
}
const lengthOf = (value: Value): number => {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (Array.isArray(value)) return value.length
  if (isMap(value)) return Object.keys(value).length
  throw new Error(value === null || value === undefined ? 'len of nil pointer' : `len of type ${typeName(value)}`)
}
const text = (value: Value): string => {
  if (typeof value === 'string') return value
  throw new Error(`wrong type for value; expected string; got ${typeName(value)}`)
}
const list = (value: Value): Value[] => {
  if (Array.isArray(value)) return value
  throw new Error(`wrong type for value; expected []string; got ${typeName(value)}`)
}
const titled = (value: string): string =>
  value.replace(/(^|[^\p{L}\p{N}_'])(\p{Ll})/gu, (_, before: string, letter: string) => before + letter.toUpperCase())

/** Go's own functions, then Docker's. `and` and `or` are evaluated lazily by the executor. */
export const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  and: define(1, MANY, (...args) => args.find(arg => !isTrue(arg)) ?? args.at(-1)),
  or: define(1, MANY, (...args) => args.find(isTrue) ?? args.at(-1)),
  not: define(1, 1, value => !isTrue(value)),
  len: define(1, 1, lengthOf),
  index: define(1, MANY, (container, ...keys) => keys.reduce(at, container)),
  slice: define(1, 4, (value, from, to) => {
    if (typeof value === 'string')
      return Buffer.from(value)
        .subarray(from as number, to as number | undefined)
        .toString()
    return list(value).slice(from as number, to as number | undefined)
  }),
  print: define(0, MANY, (...args) => sprint(args)),
  println: define(0, MANY, (...args) => `${args.map(printValue).join(' ')}\n`),
  printf: define(1, MANY, (format, ...args) => sprintf(text(format), args)),
  html: define(0, MANY, (...args) =>
    sprint(args).replace(
      /[&<>"']/g,
      c => `&${({ '&': 'amp', '<': 'lt', '>': 'gt', '"': '#34', "'": '#39' } as Record<string, string>)[c]};`,
    ),
  ),
  js: define(0, MANY, (...args) =>
    sprint(args).replace(/[\\'"<>&=\n]/g, c =>
      /[\\'"]/.test(c) ? `\\${c}` : `\\u${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`,
    ),
  ),
  urlquery: define(0, MANY, (...args) => encodeURIComponent(sprint(args)).replaceAll('%20', '+')),
  call: define(1, MANY, () => {
    throw new Error('non-function of type interface {}')
  }),
  eq: define(1, MANY, (first, ...rest) => {
    if (rest.length === 0) throw new Error('missing argument for comparison')
    return rest.some(other => equal(first, other))
  }),
  ne: define(2, 2, (a, b) => !equal(a, b)),
  lt: define(2, 2, less),
  le: define(2, 2, (a, b) => less(a, b) || equal(a, b)),
  gt: define(2, 2, (a, b) => less(b, a)),
  ge: define(2, 2, (a, b) => !less(a, b)),
  // Docker's rows write their own JSON, with Go's escaping for HTML.
  json: define(1, 1, value => toJson(value, value instanceof Row)),
  split: define(2, 2, (value, separator) => (separator === '' ? [...text(value)] : text(value).split(text(separator)))),
  join: define(2, 2, (items, separator) => list(items).map(printValue).join(text(separator))),
  title: define(1, 1, value => titled(text(value))),
  lower: define(1, 1, value => text(value).toLowerCase()),
  upper: define(1, 1, value => text(value).toUpperCase()),
  pad: define(3, 3, (value, before, after) =>
    text(value) === '' ? value : ' '.repeat(Number(before)) + text(value) + ' '.repeat(Number(after)),
  ),
  truncate: define(2, 2, (value, length) => [...text(value)].slice(0, Number(length)).join('')),
}
