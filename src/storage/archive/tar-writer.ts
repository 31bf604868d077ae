import type { ByteString } from './byte-string.ts'
import { formatPax, formatPaxTime } from './pax.ts'
import { formatMapBlocks } from './sparse-map.ts'
import { BLOCK, type EntryType, NO_XATTRS, paddingOf, type TarEntry } from './tar-entry.ts'
import { encodeHeader, octalLimit } from './tar-header.ts'

const FLAGS: Readonly<Record<EntryType, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
}

/** The two blocks that end an archive. */
export const endOfArchive = (): Buffer => Buffer.alloc(2 * BLOCK)

/** An entry from what differs from an empty file of root, mode 0644, at time zero. */
export const tarEntry = (fields: Partial<TarEntry> & Pick<TarEntry, 'path'>): TarEntry => ({
  type: 'file',
  linkTarget: '',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0n,
  major: 0,
  minor: 0,
  xattrs: NO_XATTRS,
  ...fields,
})

/**
 * Everything of an entry that goes before its data: a ustar header, with a pax header in front of it when something
 * does not fit. The data follow, padded to whole blocks (`paddingOf` of what is stored: the size, or with extents
 * their sum, as the map before them fills its blocks).
 */
export const encodeEntry = (entry: TarEntry): Buffer => {
  const records: [ByteString, ByteString][] = []
  const path = entry.type === 'directory' && !entry.path.endsWith('/') ? `${entry.path}/` : entry.path
  const map = entry.extents ? formatMapBlocks(entry.extents) : undefined
  const stored = entry.extents
    ? (map as Buffer).length + entry.extents.reduce((sum, { length }) => sum + length, 0)
    : entry.size

  let place = splitName(path)
  if (map) {
    records.push(
      ['GNU.sparse.major', '1'],
      ['GNU.sparse.minor', '0'],
      ['GNU.sparse.name', path],
      ['GNU.sparse.realsize', String(entry.size)],
    )
    place = { name: `GNUSparseFile.0/${lastComponent(path).slice(0, 80)}`, prefix: '' }
  } else if (!place) {
    if (!isUtf8(path)) records.push(['hdrcharset', 'BINARY'])
    records.push(['path', path])
    place = { name: path.slice(0, 100), prefix: '' }
  }
  if (entry.linkTarget.length > 100) records.push(['linkpath', entry.linkTarget])
  const fit = (keyword: string, value: number, width: 8 | 12): number => {
    if (value <= octalLimit(width)) return value
    records.push([keyword, String(value)])
    return 0
  }
  const uid = fit('uid', entry.uid, 8)
  const gid = fit('gid', entry.gid, 8)
  const size = fit('size', stored, 12)
  let mtime = 0
  if (
    entry.mtime >= 0n &&
    entry.mtime % 1_000_000_000n === 0n &&
    entry.mtime / 1_000_000_000n <= BigInt(octalLimit(12))
  ) {
    mtime = Number(entry.mtime / 1_000_000_000n)
  } else {
    records.push(['mtime', formatPaxTime(entry.mtime)])
    if (entry.mtime > 0n) mtime = Math.min(Number(entry.mtime / 1_000_000_000n), octalLimit(12))
  }
  for (const name of [...entry.xattrs.keys()].sort()) {
    records.push([`SCHILY.xattr.${name}`, (entry.xattrs.get(name) as Buffer).toString('latin1')])
  }

  const header = encodeHeader({
    ...place,
    mode: entry.mode,
    uid,
    gid,
    size,
    mtime,
    flag: FLAGS[entry.type],
    linkName: entry.linkTarget.slice(0, 100),
    major: entry.major,
    minor: entry.minor,
  })
  const parts = records.length === 0 ? [header] : [...encodePax(records, path), header]
  if (map) parts.push(map)
  return parts.length === 1 ? header : Buffer.concat(parts)
}

const encodePax = (records: readonly [ByteString, ByteString][], path: ByteString): Buffer[] => {
  const body = formatPax(records)
  const header = encodeHeader({
    name: `PaxHeaders.0/${lastComponent(path).slice(0, 80)}`,
    prefix: '',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: body.length,
    mtime: 0,
    flag: 'x',
    linkName: '',
    major: 0,
    minor: 0,
  })
  return [header, body, Buffer.alloc(paddingOf(body.length))]
}

/** Where a name goes in a ustar header; undefined when it does not fit. */
const splitName = (path: ByteString): { name: ByteString; prefix: ByteString } | undefined => {
  if (path.length <= 100) return { name: path, prefix: '' }
  if (path.length > 256) return undefined
  const slash = path.lastIndexOf('/', 155)
  const cut = path.length - slash - 1 <= 100 && slash > 0 ? slash : -1
  if (cut < 0 || path.length - cut - 1 === 0) return undefined
  return { name: path.slice(cut + 1), prefix: path.slice(0, cut) }
}

const lastComponent = (path: ByteString): ByteString => {
  const trimmed = path.endsWith('/') ? path.slice(0, -1) : path
  return trimmed.slice(trimmed.lastIndexOf('/') + 1)
}

const decoder = new TextDecoder('utf-8', { fatal: true })

const isUtf8 = (path: ByteString): boolean => {
  try {
    decoder.decode(Buffer.from(path, 'latin1'))
    return true
  } catch {
    return false
  }
}
