import type { PaxRecords } from './pax.ts'
import type { Extent } from './tar-entry.ts'
import { badHeader, number } from './tar-header.ts'

/** Extents of GNU's old sparse headers: `count` pairs of 12-byte numbers from `offset` on. */
export const parseOldExtents = (block: Buffer, offset: number, count: number): Extent[] => {
  const extents: Extent[] = []
  for (let index = 0; index < count; index++) {
    const at = offset + index * 24
    if (block[at] === 0) break
    extents.push({ offset: number(block, at, 12), length: number(block, at + 12, 12) })
  }
  return extents
}

/** Extents of GNU's pax formats 0.0 (repeated keywords) and 0.1 (one list); undefined when the file is not of these. */
export const parsePaxExtents = (records: PaxRecords): Extent[] | undefined => {
  const list = records.find(([keyword]) => keyword === 'GNU.sparse.map')?.[1]
  if (list !== undefined) return pair(list === '' ? [] : list.split(','))
  const numbers: string[] = []
  for (const [keyword, value] of records) {
    if (keyword === 'GNU.sparse.offset' || keyword === 'GNU.sparse.numbytes') numbers.push(value)
  }
  return numbers.length > 0 ? pair(numbers) : undefined
}

/** Extents of GNU's pax format 1.0, at the start of the data: a count, then pairs, one number a line. Undefined: more needed. */
export const parseMapBlocks = (bytes: Buffer): Extent[] | undefined => {
  const lines = bytes.toString('latin1').split('\n')
  const whole = lines.slice(0, -1)
  if (whole.length === 0) return undefined
  const count = decimal(whole[0] as string)
  if (whole.length < 1 + count * 2) return undefined
  return pair(whole.slice(1, 1 + count * 2))
}

export const formatMapBlocks = (extents: readonly Extent[]): Buffer => {
  const lines = [extents.length, ...extents.flatMap(({ offset, length }) => [offset, length])]
  const bytes = Buffer.from(`${lines.join('\n')}\n`, 'latin1')
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)])
}

/** Throws unless the extents ascend, lie within `size` and hold `stored` bytes together. */
export const validateExtents = (extents: readonly Extent[], size: number, stored: number): void => {
  let end = 0
  let total = 0
  for (const { offset, length } of extents) {
    if (offset < end || !Number.isSafeInteger(offset + length)) throw badHeader()
    end = offset + length
    total += length
  }
  if (end > size || total !== stored) throw badHeader()
}

const pair = (numbers: readonly string[]): Extent[] => {
  if (numbers.length % 2 !== 0) throw badHeader()
  const extents: Extent[] = []
  for (let index = 0; index < numbers.length; index += 2) {
    extents.push({ offset: decimal(numbers[index] as string), length: decimal(numbers[index + 1] as string) })
  }
  return extents
}

const decimal = (text: string): number => {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value)) throw badHeader()
  return value
}
