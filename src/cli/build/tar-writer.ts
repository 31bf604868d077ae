import type { Stats } from 'node:fs'

const BLOCK = 512
const ZEROES = Buffer.alloc(BLOCK)
/** What the octal size field of ustar can hold. */
const SIZE_LIMIT = 8 ** 11

export type EntryType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'fifo' | 'character' | 'block'
export type Entry = {
  /** Relative, with `/`; directories without a trailing one. */
  readonly name: string
  readonly type: EntryType
  readonly stat: Pick<Stats, 'mode' | 'mtimeMs' | 'size' | 'rdev'>
  readonly link?: string
}

const FLAGS: Readonly<Record<EntryType, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
}

/** The header of one entry, owned by 0:0, with a PAX header before it where ustar's fields are too small. */
export const tarHeader = (entry: Entry): Buffer => {
  const name = Buffer.from(entry.type === 'directory' ? `${entry.name}/` : entry.name)
  const link = Buffer.from(entry.link ?? '')
  const size = entry.type === 'file' ? entry.stat.size : 0
  const records: string[] = []
  if (name.length > 100) records.push(paxRecord('path', name.toString()))
  if (link.length > 100) records.push(paxRecord('linkpath', link.toString()))
  if (size >= SIZE_LIMIT) records.push(paxRecord('size', String(size)))
  const mtime = Math.max(0, Math.floor(entry.stat.mtimeMs / 1000))
  const header = block({
    name,
    mode: entry.stat.mode & 0o7777,
    size,
    mtime,
    flag: FLAGS[entry.type],
    link,
    rdev: entry.stat.rdev,
  })
  if (records.length === 0) return header
  const pax = Buffer.from(records.join(''))
  const paxHeader = block({
    name: Buffer.from('PaxHeaders/entry'),
    mode: 0o644,
    size: pax.length,
    mtime,
    flag: 'x',
    link: Buffer.alloc(0),
    rdev: 0,
  })
  return Buffer.concat([paxHeader, pax, padding(pax.length), header])
}

/** What fills the last block of `size` bytes. */
export const padding = (size: number): Buffer => ZEROES.subarray(0, (BLOCK - (size % BLOCK)) % BLOCK)

/** The two empty blocks that end an archive. */
export const END = Buffer.alloc(2 * BLOCK)

/** `<length> key=value\n`, the length counting itself. */
const paxRecord = (key: string, value: string): string => {
  const rest = Buffer.byteLength(` ${key}=${value}\n`)
  let length = rest + String(rest).length
  if (String(length).length > String(rest).length) length = rest + String(length).length
  return `${length} ${key}=${value}\n`
}

type Fields = {
  readonly name: Buffer
  readonly mode: number
  readonly size: number
  readonly mtime: number
  readonly flag: string
  readonly link: Buffer
  readonly rdev: number
}

const block = ({ name, mode, size, mtime, flag, link, rdev }: Fields): Buffer => {
  const header = Buffer.alloc(BLOCK)
  name.copy(header, 0, 0, 100)
  const octal = (value: number, at: number, width: number): void =>
    void header.write(value.toString(8).padStart(width - 1, '0'), at, 'latin1')
  octal(mode, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(size >= SIZE_LIMIT ? 0 : size, 124, 12)
  octal(mtime, 136, 12)
  header.write(flag, 156, 'latin1')
  link.copy(header, 157, 0, 100)
  header.write('ustar\x0000', 257, 'latin1')
  if (flag === '3' || flag === '4') {
    // Linux packs 12 bits of major and 20 of minor number; see makedev(3).
    octal((rdev >>> 8) & 0xfff, 329, 8)
    octal((rdev & 0xff) | ((rdev >>> 12) & 0xfff00), 337, 8)
  }
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\x00 `, 148, 'latin1')
  return header
}
