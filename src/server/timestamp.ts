import { internal } from '../errdefs.ts'

const INTEGER = /^[+-]?[0-9]+$/

/**
 * `since` and `until` as clients send them: seconds since the epoch, with up to nine decimals. Nanoseconds since the
 * epoch; undefined for no text. Throws Internal in dockerd's words (it answers 500).
 */
export const parseTimestamp = (text: string): bigint | undefined => {
  if (text === '') return undefined
  const dot = text.indexOf('.')
  const seconds = dot < 0 ? text : text.slice(0, dot)
  const fraction = dot < 0 ? '' : text.slice(dot + 1)
  for (const part of fraction === '' ? [seconds] : [seconds, fraction]) {
    if (!INTEGER.test(part)) throw internal(`strconv.ParseInt: parsing ${JSON.stringify(part)}: invalid syntax`)
  }
  const nanoseconds = BigInt(fraction.slice(0, 9).padEnd(9, '0'))
  const whole = BigInt(seconds) * 1_000_000_000n
  return seconds.startsWith('-') ? whole - nanoseconds : whole + nanoseconds
}
