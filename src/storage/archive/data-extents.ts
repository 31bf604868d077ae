import { readSync } from 'node:fs'
import { seekData, seekHole } from '../../host/seek.ts'
import type { Extent } from './tar-entry.ts'

const PAGE = 4096
/** Zeros shorter than this are not worth an extent of their own. */
const GAP = 64 * 1024
const WINDOW = 256 * 1024

/**
 * Where a file holds something else than zeros. Decided by what the file reads as, in whole pages, so that the same
 * content gives the same extents however the file system stores it; holes are only a way to skip the reading.
 */
export const dataExtents = (fd: number, size: number): Extent[] => {
  const extents: { offset: number; length: number }[] = []
  const buffer = Buffer.allocUnsafe(WINDOW)
  for (let at = 0; at < size; ) {
    const start = seekData(fd, at)
    if (start === undefined || start >= size) break
    const end = Math.min(seekHole(fd, start), size)
    for (let offset = start - (start % PAGE); offset < end; ) {
      const read = readSync(fd, buffer, 0, Math.min(WINDOW, size - offset), offset)
      if (read === 0) return closed(extents, size)
      for (let page = 0; page < read; page += PAGE) {
        const length = Math.min(PAGE, read - page)
        if (!isZero(buffer, page, length)) extend(extents, offset + page, length)
      }
      offset += read
    }
    at = Math.max(end, at + 1)
  }
  return closed(extents, size)
}

/** GNU tar takes the end of the last extent for the end of the file: after a hole there it wants an empty one. */
const closed = (extents: Extent[], size: number): Extent[] => {
  const last = extents.at(-1)
  if (!last || last.offset + last.length < size) extents.push({ offset: size, length: 0 })
  return extents
}

const extend = (extents: { offset: number; length: number }[], offset: number, length: number): void => {
  const last = extents.at(-1)
  if (last && offset < last.offset + last.length + GAP)
    last.length = Math.max(last.length, offset + length - last.offset)
  else extents.push({ offset, length })
}

const ZEROS = Buffer.alloc(PAGE)

const isZero = (buffer: Buffer, offset: number, length: number): boolean =>
  buffer.compare(ZEROS, 0, length, offset, offset + length) === 0
