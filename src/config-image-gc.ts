import { parseBytes, parseDuration, parseInteger, wrongJson } from './config-values.ts'
import { invalidArgument, messageOf } from './errdefs.ts'

/** When images go by themselves; `image-gc` of daemon.json. Without `high` and `keep` none ever does. */
export type ImageGcConfig = {
  /** Bytes that images may take together; above it the longest unused go. */
  readonly high: number | undefined
  /** Bytes that are left then; `high` when left out. */
  readonly low: number | undefined
  /** How many images of each repository stay, the newest. */
  readonly keep: number | undefined
  /** Milliseconds that an image must have been unused. */
  readonly minAge: number
  /** Milliseconds between two looks. */
  readonly interval: number
}

const KEY = 'image-gc'
const DAY = 24 * 3_600_000
const HOUR = 3_600_000
/** The longest time that a timer can be set to. */
const LONGEST = 2 ** 31 - 1

/** As the configuration file has it: `{"high": "20GB", "low": "15GB", "keep": 3, "minAge": "24h", "interval": "1h"}`. Throws InvalidArgument. */
export const imageGcFromJson = (value: unknown): ImageGcConfig => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongJson(value, KEY, 'map')
  const { high, low, keep, minAge, interval, ...unknown } = value as Record<string, unknown>
  const [extra] = Object.keys(unknown)
  if (extra !== undefined) throw invalidArgument(`${KEY}: unknown key ${JSON.stringify(extra)}`)
  return checkImageGc({
    high: bytes(high, 'high'),
    low: bytes(low, 'low'),
    keep: keep === undefined ? undefined : number(keep, 'keep'),
    minAge: duration(minAge, 'minAge') ?? DAY,
    interval: duration(interval, 'interval') ?? HOUR,
  })
}

/** As the flag has it: `high=20GB,low=15GB,keep=3,minAge=24h,interval=1h`. Throws InvalidArgument. */
export const imageGcFromText = (text: string): ImageGcConfig => {
  const fields: Record<string, string | number> = {}
  for (const field of text.split(',').filter(Boolean)) {
    const [key = '', value] = field.split('=', 2)
    if (value === undefined) throw invalidArgument(`invalid field '${field}' must be a key=value pair`)
    fields[key] = key === 'keep' ? parseInteger(value) : value
  }
  return imageGcFromJson(fields)
}

const checkImageGc = (config: ImageGcConfig): ImageGcConfig => {
  const { high, low, keep, interval } = config
  if (low !== undefined && high === undefined) throw invalidArgument(`${KEY}: low means nothing without high`)
  if (low !== undefined && high !== undefined && low > high)
    throw invalidArgument(`${KEY}: low (${low} bytes) is above high (${high} bytes)`)
  if (keep !== undefined && keep < 1) throw invalidArgument(`${KEY}: keep must be at least 1: ${keep}`)
  if (interval < 1000 || interval > LONGEST)
    throw invalidArgument(`${KEY}: interval must be between 1s and ${Math.floor(LONGEST / HOUR)}h`)
  return config
}

const bytes = (value: unknown, name: string): number | undefined => {
  if (value === undefined) return undefined
  const size = typeof value === 'string' ? named(name, () => parseBytes(value)) : number(value, name)
  if (size < 0) throw invalidArgument(`${KEY}: ${name}: invalid size: '${size}'`)
  return size
}

const number = (value: unknown, name: string): number => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw wrongJson(value, `${KEY}.${name}`, 'int')
  return value
}

const duration = (value: unknown, name: string): number | undefined => {
  if (value === undefined) return undefined
  if (typeof value !== 'string') throw wrongJson(value, `${KEY}.${name}`, 'string')
  return named(name, () => parseDuration(value))
}

/** Says of which field a complaint is. */
const named = (name: string, parse: () => number): number => {
  try {
    return parse()
  } catch (error) {
    throw invalidArgument(`${KEY}: ${name}: ${messageOf(error)}`, { cause: error })
  }
}
