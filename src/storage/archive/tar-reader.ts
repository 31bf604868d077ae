import { invalidArgument } from '../../errdefs.ts'
import type { ByteString } from './byte-string.ts'
import { type PaxRecords, parsePax, parsePaxTime } from './pax.ts'
import { parseMapBlocks, parseOldExtents, parsePaxExtents, validateExtents } from './sparse-map.ts'
import { BLOCK, type EntryType, type Extent, NO_XATTRS, paddingOf, type TarEntry } from './tar-entry.ts'
import { badHeader, decodeHeader, number, type RawHeader } from './tar-header.ts'

/** What hears of an archive's members, in their order. */
export type TarSink = {
  entry(entry: TarEntry): void
  /** The next bytes of the entry, which belong at `position` of the file. Valid only during the call. */
  data(chunk: Buffer, position: number): void
  /** The entry is whole. */
  end(): void
}

/** A pax header or a long name larger than this is an attack, not a name. */
const SPECIAL_LIMIT = 1 << 20

const TYPES: Readonly<Record<string, EntryType>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  D: 'directory',
  '6': 'fifo',
}

type Pending = {
  readonly header: RawHeader
  readonly records: PaxRecords
  extents: Extent[]
  realSize: number
  stored: number
}

/**
 * Reads a tar archive that is pushed into it in chunks of any size, and tells a sink. Synchronous: it neither waits nor
 * buffers more than a header. Knows POSIX ustar and pax, and GNU's long names, big numbers and all four sparse formats.
 */
export class TarReader {
  readonly #sink: TarSink
  /** Members so far. */
  entries = 0
  #state: 'header' | 'special' | 'oldSparse' | 'sparseMap' | 'data' | 'end' = 'header'
  #want = BLOCK
  #partial: Buffer[] = []
  #held = 0
  #skip = 0
  #header: RawHeader | undefined
  #globals: PaxRecords = []
  #records: PaxRecords = []
  #longName: ByteString | undefined
  #longLink: ByteString | undefined
  #pending: Pending | undefined
  #remaining = 0
  #ignored = false
  #extents: readonly Extent[] | undefined
  #extent = 0
  #position = 0

  constructor(sink: TarSink) {
    this.#sink = sink
  }

  push(chunk: Buffer): void {
    let offset = 0
    while (offset < chunk.length && this.#state !== 'end') {
      const available = chunk.length - offset
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, available)
        this.#skip -= skipped
        offset += skipped
      } else if (this.#state === 'data') {
        const length = Math.min(this.#remaining, available)
        if (!this.#ignored) this.#emit(chunk.subarray(offset, offset + length))
        offset += length
        this.#remaining -= length
        if (this.#remaining === 0) this.#finishEntry()
      } else {
        const missing = this.#want - this.#held
        const piece = chunk.subarray(offset, offset + Math.min(missing, available))
        offset += piece.length
        if (piece.length < missing) {
          // The chunk is the caller's and may be used again: keep a copy.
          this.#partial.push(Buffer.from(piece))
          this.#held += piece.length
          continue
        }
        const block = this.#held === 0 ? piece : Buffer.concat([...this.#partial, piece], this.#want)
        this.#partial = []
        this.#held = 0
        this.#block(block)
      }
    }
  }

  /** Says that nothing more comes. Throws when the archive was cut off inside a member. */
  finish(): void {
    if (this.#state === 'end' || (this.#state === 'header' && this.#held === 0 && this.#skip === 0)) return
    throw invalidArgument('unexpected EOF')
  }

  #block(block: Buffer): void {
    if (this.#state === 'header') this.#onHeader(block)
    else if (this.#state === 'special') this.#onSpecial(block)
    else if (this.#state === 'oldSparse') this.#onOldSparse(block)
    else this.#onSparseMap(block)
  }

  #onHeader(block: Buffer): void {
    const header = decodeHeader(block)
    if (header === undefined) {
      this.#state = 'end'
      return
    }
    if (header.size < 0) throw badHeader()
    if ('xgLK'.includes(header.flag)) {
      if (header.size > SPECIAL_LIMIT) throw badHeader()
      this.#header = header
      this.#want = header.size + paddingOf(header.size)
      this.#state = 'special'
      if (header.size === 0) this.#onSpecial(Buffer.alloc(0))
      return
    }
    const records = this.#globals.length > 0 ? [...this.#globals, ...this.#records] : this.#records
    const size = records.length > 0 ? numeric(records, 'size', header.size) : header.size
    const pending: Pending = { header, records, extents: [], realSize: size, stored: size }
    this.#pending = pending
    if (header.flag === 'S') {
      pending.realSize = number(block, 483, 12)
      pending.extents = parseOldExtents(block, 386, 4)
      if (block[482]) {
        this.#state = 'oldSparse'
        return
      }
      this.#start(pending.extents)
    } else if (
      records.length > 0 &&
      lookup(records, 'GNU.sparse.major') === '1' &&
      lookup(records, 'GNU.sparse.minor') === '0'
    ) {
      pending.realSize = numeric(records, 'GNU.sparse.realsize', size)
      this.#state = 'sparseMap'
      this.#mapBytes = Buffer.alloc(0)
    } else {
      const extents = records.length > 0 ? parsePaxExtents(records) : undefined
      if (extents) pending.realSize = numeric(records, 'GNU.sparse.size', numeric(records, 'GNU.sparse.realsize', size))
      this.#start(extents)
    }
  }

  #mapBytes: Buffer = Buffer.alloc(0)

  #onSpecial(block: Buffer): void {
    const { flag, size } = this.#header as RawHeader
    const bytes = block.subarray(0, size)
    if (flag === 'x') this.#records = parsePax(bytes)
    else if (flag === 'g') this.#globals = [...this.#globals, ...parsePax(bytes)]
    else {
      const end = bytes.indexOf(0)
      const name = bytes.toString('latin1', 0, end < 0 ? size : end)
      if (flag === 'L') this.#longName = name
      else this.#longLink = name
    }
    this.#state = 'header'
    this.#want = BLOCK
  }

  #onOldSparse(block: Buffer): void {
    const pending = this.#pending as Pending
    pending.extents.push(...parseOldExtents(block, 0, 21))
    if (pending.extents.length > SPECIAL_LIMIT) throw badHeader()
    if (!block[504]) this.#start(pending.extents)
  }

  #onSparseMap(block: Buffer): void {
    const pending = this.#pending as Pending
    this.#mapBytes = Buffer.concat([this.#mapBytes, block])
    pending.stored -= BLOCK
    if (pending.stored < 0 || this.#mapBytes.length > SPECIAL_LIMIT) throw badHeader()
    const extents = parseMapBlocks(this.#mapBytes)
    if (extents) this.#start(extents)
  }

  #start(extents: readonly Extent[] | undefined): void {
    const { header, records, realSize, stored } = this.#pending as Pending
    const found = TYPES[header.flag]
    const path = lookup(records, 'GNU.sparse.name') ?? lookup(records, 'path') ?? this.#longName ?? header.name
    // Before POSIX a directory was a file whose name ends in a slash.
    const type = found === 'file' && header.flag !== 'S' && path.endsWith('/') ? 'directory' : found
    const hasData = type === 'file' || type === undefined
    if (extents) validateExtents(extents, realSize, stored)
    const linkTarget = lookup(records, 'linkpath') ?? this.#longLink ?? header.linkName
    if (type !== undefined && (path.includes('\0') || linkTarget.includes('\0'))) throw badHeader()
    this.#ignored = type === undefined
    this.#remaining = hasData ? stored : 0
    this.#position = 0
    this.#extents = extents
    this.#extent = 0
    this.#records = []
    this.#longName = undefined
    this.#longLink = undefined
    this.#state = 'data'
    this.entries++
    if (type !== undefined) {
      this.#sink.entry({
        type,
        path,
        linkTarget: type === 'symlink' || type === 'hardlink' ? linkTarget : '',
        mode: header.mode & 0o7777,
        uid: numeric(records, 'uid', header.uid),
        gid: numeric(records, 'gid', header.gid),
        size: type === 'file' ? realSize : 0,
        mtime: parsePaxTime(lookup(records, 'mtime') ?? '') ?? BigInt(header.mtime) * 1_000_000_000n,
        major: numeric(records, 'SCHILY.devmajor', header.major),
        minor: numeric(records, 'SCHILY.devminor', header.minor),
        xattrs: xattrsOf(records),
        extents,
      })
    }
    if (this.#remaining === 0) this.#finishEntry()
  }

  #emit(chunk: Buffer): void {
    const extents = this.#extents
    if (!extents) {
      this.#sink.data(chunk, this.#position)
      this.#position += chunk.length
      return
    }
    let rest = chunk
    while (rest.length > 0) {
      const extent = extents[this.#extent]
      if (!extent) return
      const piece = rest.subarray(0, extent.length - this.#position)
      if (piece.length > 0) this.#sink.data(piece, extent.offset + this.#position)
      rest = rest.subarray(piece.length)
      this.#position += piece.length
      if (this.#position === extent.length) {
        this.#extent++
        this.#position = 0
      }
    }
  }

  #finishEntry(): void {
    const { stored, header } = this.#pending as Pending
    const type = TYPES[header.flag]
    // Links, devices and directories carry no data, whatever their size field says.
    this.#skip = type === undefined || type === 'file' ? paddingOf(stored) : 0
    if (!this.#ignored) this.#sink.end()
    this.#state = 'header'
    this.#want = BLOCK
  }
}

const lookup = (records: PaxRecords, keyword: string): ByteString | undefined => {
  for (let index = records.length - 1; index >= 0; index--) {
    const record = records[index]
    // An empty value takes an earlier (global) one back.
    if (record?.[0] === keyword) return record[1] === '' ? undefined : record[1]
  }
  return undefined
}

const numeric = (records: PaxRecords, keyword: string, otherwise: number): number => {
  const value = lookup(records, keyword)
  if (value === undefined) return otherwise
  const result = /^\d+$/.test(value) ? Number(value) : Number.NaN
  if (!Number.isSafeInteger(result)) throw badHeader()
  return result
}

const xattrsOf = (records: PaxRecords): ReadonlyMap<ByteString, Buffer> => {
  if (!records.some(([keyword]) => keyword.includes('.xattr.'))) return NO_XATTRS
  const found = new Map<ByteString, Buffer>()
  for (const [keyword, value] of records) {
    if (keyword.startsWith('SCHILY.xattr.')) found.set(keyword.slice(13), Buffer.from(value, 'latin1'))
    else if (keyword.startsWith('LIBARCHIVE.xattr.')) {
      const name = keyword.slice(17)
      if (!found.has(name)) found.set(name, Buffer.from(value, 'base64'))
    }
  }
  return found
}
