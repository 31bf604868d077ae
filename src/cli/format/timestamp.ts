import { Failure } from '../failure.ts'
import { parseDuration } from '../flags/duration.ts'

/**
 * `--since` and `--until` as the API wants them, seconds and nanoseconds since the epoch: a duration is so long ago, a date is read in
 * local time unless it says otherwise, a number is taken as it is. Throws Failure.
 */
export const parseTimestamp = (text: string, now = Date.now()): string => {
  if (text === '') return text
  try {
    const then = BigInt(now) * 1_000_000n - BigInt(parseDuration(text))
    return `${then / 1_000_000_000n}.${String(then % 1_000_000_000n).padStart(9, '0')}`
  } catch {
    // Not a duration.
  }
  const date = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d)(?::(\d\d))?(?::(\d\d)(\.\d+)?)?)?(Z|[+-]\d\d:?\d\d)?$/.exec(text)
  if (date) {
    const [, day, hour = '00', minute = '00', second = '00', fraction = '', zone = ''] = date
    const milliseconds = Date.parse(`${day}T${hour}:${minute}:${second}${zone}`)
    if (!Number.isNaN(milliseconds)) return `${Math.trunc(milliseconds / 1000)}.${fraction.slice(1, 10).padEnd(9, '0')}`
  }
  if (/^\d+(\.\d+)?$/.test(text)) return text
  throw new Failure(1, `failed to parse value as time or duration: ${JSON.stringify(text)}`)
}
