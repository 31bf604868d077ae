/**
 * A name as the bytes that it is: one character per byte (latin1). File names on Linux and in archives need not be
 * UTF-8, and decoding one that is not would lose it; as a string it can still be split, compared and used as a key.
 */
export type ByteString = string

/** The text that people see. */
export const toText = (name: ByteString): string => (isAscii(name) ? name : Buffer.from(name, 'latin1').toString())

export const fromText = (text: string): ByteString => (isAscii(text) ? text : Buffer.from(text).toString('latin1'))

/** What `node:fs` takes as a path without changing a byte. */
export const toPath = (name: ByteString): string | Buffer => (isAscii(name) ? name : Buffer.from(name, 'latin1'))

const isAscii = (text: string): boolean => {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) return false
  return true
}
