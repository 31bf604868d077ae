import type { ByteString } from './byte-string.ts'

export type EntryType = 'file' | 'hardlink' | 'symlink' | 'char' | 'block' | 'directory' | 'fifo'

/** A run of data in a sparse file; bytes. */
export type Extent = { readonly offset: number; readonly length: number }

/** One member of an archive, whatever dialect it was written in. */
export type TarEntry = {
  readonly type: EntryType
  readonly path: ByteString
  /** What a hard link or a symbolic link points at, else ''. */
  readonly linkTarget: ByteString
  /** Permission bits, set-user-id, set-group-id and sticky: 0–07777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes of the file as it will be read, holes included; 0 unless it is a file. */
  readonly size: number
  /** Nanoseconds since the epoch. */
  readonly mtime: bigint
  readonly major: number
  readonly minor: number
  readonly xattrs: ReadonlyMap<ByteString, Buffer>
  /** Where a sparse file's data lies, ascending; undefined: everywhere. */
  readonly extents?: readonly Extent[] | undefined
}

export const NO_XATTRS: ReadonlyMap<ByteString, Buffer> = new Map()

export const BLOCK = 512

/** Bytes after `size` up to the next block. */
export const paddingOf = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK
