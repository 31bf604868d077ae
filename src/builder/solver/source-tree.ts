import type { ByteString } from '../../storage/archive/byte-string.ts'

export type SourceEntry = {
  readonly type: 'file' | 'directory' | 'symlink' | 'other'
  /** Permission bits, set-user-id, set-group-id and sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes; 0 unless a file. */
  readonly size: number
  /** Nanoseconds since the epoch. */
  readonly mtime: bigint
  /** Of a symbolic link, else ''. */
  readonly linkTarget: ByteString
  readonly xattrs: ReadonlyMap<ByteString, Buffer>
}

/**
 * Where COPY and ADD take files from: the build's context, or the root file system of a stage or image.
 * Paths are relative to the tree's root, without a leading slash; '' is the root.
 */
export interface SourceTree {
  /** The path with every symbolic link followed, none out of the tree. Undefined when nothing is there. */
  resolve(path: ByteString): ByteString | undefined
  /** What lies at a path; the last component is not followed, those before it must be resolved. */
  entry(path: ByteString): SourceEntry | undefined
  /** The names in a directory, sorted. */
  names(path: ByteString): readonly ByteString[]
  /** A digest of a file's content, in hexadecimal, where it is known without reading it; else empty or no such method. */
  digest?(path: ByteString): string
  /** Up to `buffer.length` bytes of a file from `position` on; 0 at its end. */
  read(path: ByteString, buffer: Buffer, position: number): number
}
