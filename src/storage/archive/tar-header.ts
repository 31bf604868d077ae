import { invalidArgument } from '../../errdefs.ts'
import type { ByteString } from './byte-string.ts'
import { BLOCK } from './tar-entry.ts'

/** The fields of one 512-byte header block, before any extension is taken into account. */
export type RawHeader = {
  readonly name: ByteString
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly mtime: number
  readonly flag: string
  readonly linkName: ByteString
  readonly major: number
  readonly minor: number
}

export const badHeader = (): Error => invalidArgument('archive/tar: invalid tar header')

/** Undefined for a block of zeros, which ends an archive. https://www.gnu.org/software/tar/manual/html_node/Standard.html */
export const decodeHeader = (block: Buffer): RawHeader | undefined => {
  if (block[0] === 0 && isZero(block)) return undefined
  verifyChecksum(block)
  const magic = block.toString('latin1', 257, 265)
  // GNU's own format (`ustar  `) keeps times where POSIX has the prefix.
  const prefix = magic.startsWith('ustar\0') ? text(block, 345, 155) : ''
  const name = text(block, 0, 100)
  const devices = magic.startsWith('ustar')
  return {
    name: prefix ? `${prefix}/${name}` : name,
    mode: number(block, 100, 8),
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    size: number(block, 124, 12),
    mtime: number(block, 136, 12),
    flag: String.fromCharCode(block[156] ?? 0),
    linkName: text(block, 157, 100),
    major: devices ? number(block, 329, 8) : 0,
    minor: devices ? number(block, 337, 8) : 0,
  }
}

export type HeaderFields = Omit<RawHeader, 'name'> & { readonly name: ByteString; readonly prefix: ByteString }

/** A POSIX ustar block. The caller has seen to it that each field fits. */
export const encodeHeader = (fields: HeaderFields): Buffer => {
  const block = Buffer.alloc(BLOCK)
  block.write(fields.name, 0, 100, 'latin1')
  octal(block, fields.mode, 100, 8)
  octal(block, fields.uid, 108, 8)
  octal(block, fields.gid, 116, 8)
  octal(block, fields.size, 124, 12)
  octal(block, fields.mtime, 136, 12)
  block.fill(0x20, 148, 156)
  block.write(fields.flag, 156, 1, 'latin1')
  block.write(fields.linkName, 157, 100, 'latin1')
  block.write('ustar\x0000', 257, 8, 'latin1')
  octal(block, fields.major, 329, 8)
  octal(block, fields.minor, 337, 8)
  block.write(fields.prefix, 345, 155, 'latin1')
  let sum = 0
  for (let index = 0; index < BLOCK; index++) sum += block[index] as number
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1')
  return block
}

/** The largest number that `width - 1` octal digits hold. */
export const octalLimit = (width: 8 | 12): number => 8 ** (width - 1) - 1

const octal = (block: Buffer, value: number, offset: number, width: number): void => {
  block.write(value.toString(8).padStart(width - 1, '0'), offset, width - 1, 'latin1')
}

export const text = (block: Buffer, offset: number, width: number): ByteString => {
  const end = block.indexOf(0, offset)
  return block.toString('latin1', offset, end < 0 || end > offset + width ? offset + width : end)
}

/** An octal number, or GNU's big-endian binary one, marked by the first bit. */
export const number = (block: Buffer, offset: number, width: number): number => {
  const first = block[offset] as number
  if (first & 0x80) {
    let value = first & 0x40 ? BigInt(first) - 256n : BigInt(first & 0x3f)
    for (let index = offset + 1; index < offset + width; index++) value = value * 256n + BigInt(block[index] as number)
    const result = Number(value)
    if (!Number.isSafeInteger(result)) throw badHeader()
    return result
  }
  let value = 0
  let index = offset
  const end = offset + width
  while (index < end && (block[index] === 0x20 || block[index] === 0)) index++
  for (; index < end; index++) {
    const digit = (block[index] as number) - 0x30
    if (digit < 0 || digit > 7) {
      if (block[index] === 0 || block[index] === 0x20) break
      throw badHeader()
    }
    value = value * 8 + digit
  }
  return value
}

const isZero = (block: Buffer): boolean => {
  for (let index = 0; index < BLOCK; index++) if (block[index] !== 0) return false
  return true
}

const verifyChecksum = (block: Buffer): void => {
  const expected = number(block, 148, 8)
  let sum = 8 * 0x20
  for (let index = 0; index < 148; index++) sum += block[index] as number
  for (let index = 156; index < BLOCK; index++) sum += block[index] as number
  if (sum === expected) return
  // Old writers summed signed characters.
  for (let index = 0; index < BLOCK; index++)
    if ((index < 148 || index >= 156) && (block[index] as number) > 127) sum -= 256
  if (sum !== expected) throw badHeader()
}
