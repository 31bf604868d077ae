import { BigNumber, isMap, Row, toJson, type Value } from './value.ts'

/** A value as Go's `%v` prints it: `[a b]`, `map[k:v]` with sorted keys, `<nil>`. */
export const printValue = (value: Value): string => {
  if (value === null || value === undefined) return '<nil>'
  if (value instanceof BigNumber) return value.digits
  if (Array.isArray(value)) return `[${value.map(printValue).join(' ')}]`
  if (value instanceof Row) return toJson(value)
  if (isMap(value))
    return `map[${sortedKeys(value)
      .map(key => `${key}:${printValue(value[key])}`)
      .join(' ')}]`
  return String(value)
}

/** Go compares strings by bytes. */
export const sortedKeys = (map: Readonly<Record<string, Value>>): string[] =>
  Object.keys(map).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))

/** Go's `fmt.Sprint`: operands are parted by a space when neither is a string. */
export const sprint = (values: readonly Value[]): string => {
  let text = ''
  values.forEach((value, i) => {
    if (i > 0 && typeof value !== 'string' && typeof values[i - 1] !== 'string') text += ' '
    text += printValue(value)
  })
  return text
}

/** Go's `fmt.Sprintf` for the verbs that make sense on JSON values: `%v %s %d %q %t %x %X %f %e %g %c %%` with flags and width. */
export const sprintf = (format: string, values: readonly Value[]): string => {
  let next = 0
  const text = format.replace(
    /%([-+# 0]*)(\d+)?(?:\.(\d+))?([a-zA-Z%])/g,
    (_, flags: string, width: string, precision: string, verb: string) => {
      if (verb === '%') return '%'
      if (next >= values.length) return `%!${verb}(MISSING)`
      let item = formatOne(values[next++], verb, flags, precision === undefined ? undefined : Number(precision))
      if (flags.includes('+') && typeof values[next - 1] === 'number' && !item.startsWith('-')) item = `+${item}`
      if (width === undefined) return item
      if (flags.includes('-')) return item.padEnd(Number(width))
      if (flags.includes('0') && item.startsWith('-')) return `-${item.slice(1).padStart(Number(width) - 1, '0')}`
      return item.padStart(Number(width), flags.includes('0') ? '0' : ' ')
    },
  )
  const extra = values.slice(next).map(value => `${typeName(value)}=${printValue(value)}`)
  return extra.length > 0 ? `${text}%!(EXTRA ${extra.join(', ')})` : text
}

const formatOne = (value: Value, verb: string, flags: string, precision: number | undefined): string => {
  const bad = `%!${verb}(${typeName(value)}=${printValue(value)})`
  const text = printValue(value)
  switch (verb) {
    case 'v':
      return flags.includes('#') && typeof value === 'string' ? JSON.stringify(value) : text
    case 's':
      if (typeof value === 'number' || typeof value === 'boolean') return bad
      return precision === undefined ? text : [...text].slice(0, precision).join('')
    case 'q':
      return typeof value === 'string' ? JSON.stringify(value) : bad
    case 't':
      return typeof value === 'boolean' ? text : bad
    case 'd':
      return (typeof value === 'number' && Number.isInteger(value)) || value instanceof BigNumber ? text : bad
    case 'c':
      return typeof value === 'number' ? String.fromCodePoint(value) : bad
    case 'x':
    case 'X': {
      const hex =
        typeof value === 'number'
          ? value.toString(16)
          : typeof value === 'string'
            ? Buffer.from(value).toString('hex')
            : bad
      return verb === 'X' ? hex.toUpperCase() : hex
    }
    case 'f':
    case 'F':
      return typeof value === 'number' ? value.toFixed(precision ?? 6) : bad
    case 'e':
    case 'g':
      return typeof value !== 'number' ? bad : verb === 'e' ? value.toExponential(precision ?? 6) : text
    default:
      return bad
  }
}

export const typeName = (value: Value): string => {
  if (value === null || value === undefined) return '<nil>'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64'
  if (typeof value === 'boolean') return 'bool'
  if (Array.isArray(value)) return '[]interface {}'
  if (value instanceof Row) return value.typeName
  if (isMap(value)) return 'map[string]interface {}'
  return 'string'
}
