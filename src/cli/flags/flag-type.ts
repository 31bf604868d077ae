/** What the values of a flag must look like, by the type word in its table. Each throws an Error whose message says why not. */
import { parseBytes } from './bytes.ts'
import { parseDuration } from './duration.ts'

/** Types that may be given many times; `strings` also splits at commas. */
export const MANY: ReadonlySet<string> = new Set([
  'list',
  'strings',
  'map',
  'filter',
  'mount',
  'network',
  'ulimit',
  'gpu-request',
])

const integer = (bits: number, signed: boolean) => (value: string) => {
  const name = signed ? 'ParseInt' : 'ParseUint'
  if (!(signed ? /^[+-]?\d+$/ : /^\d+$/).test(value))
    throw new Error(`strconv.${name}: parsing "${value}": invalid syntax`)
  const number = BigInt(value)
  const limit = 1n << BigInt(signed ? bits - 1 : bits)
  if (number >= limit || number < (signed ? -limit : 0n))
    throw new Error(`strconv.${name}: parsing "${value}": value out of range`)
}

const checks: Readonly<Record<string, (value: string) => void>> = {
  bool: value => void parseBool(value),
  int: integer(64, true),
  int64: integer(64, true),
  uint: integer(64, false),
  uint16: integer(16, false),
  bytes: value => void parseBytes(value),
  duration: value => void parseDuration(value),
  decimal: value => {
    if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value))
      throw new Error(`failed to parse ${value} as a rational number`)
    // Billionths are the finest that the API can carry.
    if (!Number.isInteger(Math.round(Number(value) * 1e12) / 1e3)) throw new Error('value is too precise')
  },
  filter: value => {
    if (value !== '' && !value.includes('=')) throw new Error('bad format of filter (expected name=value)')
  },
}

export const checkType = (type: string, value: string): void => checks[type]?.(value)

export const parseBool = (value: string): boolean => {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(value)) return true
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(value)) return false
  throw new Error(`strconv.ParseBool: parsing "${value}": invalid syntax`)
}
