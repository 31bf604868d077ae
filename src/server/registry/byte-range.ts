/** What a Range header asks for: bytes from `start` to `end`, both included; everything; or nothing that is there. */
export type ByteRange = { readonly start: number; readonly end: number } | 'whole' | 'unsatisfiable'

/** Several ranges at once, and what is no range, are answered with everything. https://www.rfc-editor.org/rfc/rfc9110#section-14.2 */
export const parseRange = (header: string | undefined, size: number): ByteRange => {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.replaceAll(' ', '') ?? '')
  const [, first = '', last = ''] = match ?? []
  if (first === '' && last === '') return 'whole'
  if (first === '') {
    const length = Math.min(Number(last), size)
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 }
  }
  const start = Number(first)
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1)
  if (last !== '' && Number(last) < start) return 'whole'
  return start >= size ? 'unsatisfiable' : { start, end }
}
