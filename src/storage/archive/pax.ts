import { invalidArgument } from '../../errdefs.ts'
import type { ByteString } from './byte-string.ts'

/** Keyword and value, in file order: GNU's first sparse format repeats keywords. */
export type PaxRecords = readonly (readonly [keyword: ByteString, value: ByteString])[]

/** https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_03 */
export const parsePax = (bytes: Buffer): PaxRecords => {
  const records: [ByteString, ByteString][] = []
  let offset = 0
  while (offset < bytes.length && bytes[offset] !== 0) {
    const space = bytes.indexOf(0x20, offset)
    const length = space < 0 ? Number.NaN : Number(bytes.toString('latin1', offset, space))
    const end = offset + length
    const equals = bytes.indexOf(0x3d, space)
    if (!Number.isInteger(length) || end > bytes.length || equals < 0 || equals >= end || bytes[end - 1] !== 0x0a) {
      throw invalidArgument('archive/tar: invalid tar header')
    }
    records.push([bytes.toString('latin1', space + 1, equals), bytes.toString('latin1', equals + 1, end - 1)])
    offset = end
  }
  return records
}

export const formatPax = (records: PaxRecords): Buffer =>
  Buffer.from(records.map(([keyword, value]) => formatRecord(keyword, value)).join(''), 'latin1')

const formatRecord = (keyword: ByteString, value: ByteString): ByteString => {
  const rest = ` ${keyword}=${value}\n`
  // The length counts its own digits.
  let length = rest.length + String(rest.length).length
  if (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return `${length}${rest}`
}

/** `-1.25` → -1250000000n nanoseconds; undefined when it is no time. */
export const parsePaxTime = (text: string): bigint | undefined => {
  const match = /^(-?)(\d*)(?:\.(\d*))?$/.exec(text)
  if (!match || text === '' || text === '-') return undefined
  const [, sign, seconds, fraction = ''] = match
  const nanoseconds = BigInt(seconds || '0') * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'))
  return sign ? -nanoseconds : nanoseconds
}

export const formatPaxTime = (time: bigint): string => {
  const absolute = time < 0n ? -time : time
  const fraction = String(absolute % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '')
  return `${time < 0n ? '-' : ''}${absolute / 1_000_000_000n}${fraction ? `.${fraction}` : ''}`
}
