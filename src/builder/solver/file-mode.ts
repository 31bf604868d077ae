import { invalidArgument } from '../../errdefs.ts'

/** `--chmod`: what a file's permission bits become. */
export type ModeChange = (mode: number, isDirectory: boolean) => number

const CLAUSE = /^([ugoa]*)((?:[-+=][rwxXst]*)+)$/
const WHO: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007, a: 0o7777 }
const BITS: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111, s: 0o6000, t: 0o1000 }

/** Octal (`0755`) or symbolic (`u=rwX,go-w`), as chmod(1) reads it. Throws InvalidArgument. */
export const parseMode = (text: string): ModeChange => {
  if (/^[0-7]{1,4}$/.test(text)) {
    const mode = Number.parseInt(text, 8)
    return () => mode
  }
  const clauses = text.split(',').map(clause => {
    const match = CLAUSE.exec(clause)
    if (match === null)
      throw invalidArgument(`invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`)
    return { who: match[1] || 'a', actions: [...(match[2] as string).matchAll(/([-+=])([rwxXst]*)/g)] }
  })
  return (mode, isDirectory) => {
    let result = mode
    for (const { who, actions } of clauses) {
      const mask = [...who].reduce((bits, letter) => bits | (WHO[letter] ?? 0), 0)
      for (const [, action, letters = ''] of actions) {
        let bits = 0
        for (const letter of letters) {
          const runs = isDirectory || (result & 0o111) !== 0
          bits |= (letter === 'X' ? (runs ? 0o111 : 0) : (BITS[letter] ?? 0)) & mask
        }
        if (action === '+') result |= bits
        else if (action === '-') result &= ~bits
        else result = (result & ~(mask & 0o777)) | bits
      }
    }
    return result
  }
}
