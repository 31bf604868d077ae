import { SyntaxProblem } from './dockerfile-error.ts'

const TRUE = ['1', 't', 'T', 'TRUE', 'true', 'True']
const FALSE = ['0', 'f', 'F', 'FALSE', 'false', 'False']
const UNITS = 'bkmgtp'

/** https://pkg.go.dev/strconv#ParseBool */
export const parseGoBoolean = (text: string): boolean => {
  if (TRUE.includes(text)) return true
  if (FALSE.includes(text)) return false
  throw new SyntaxProblem(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`)
}

/** `64m`, `1.5GiB`, `1024`: bytes, in powers of 1024. https://pkg.go.dev/github.com/docker/go-units#RAMInBytes */
export const parseGoBytes = (text: string): number => {
  const match = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text)
  if (match === null) throw new SyntaxProblem(`invalid size: '${text}'`)
  const unit = (match[2] ?? '').toLowerCase()
  if (!/^(?:b|[kmgtp](?:i?b)?)?$/.test(unit)) throw new SyntaxProblem(`invalid suffix: '${unit}'`)
  return Math.trunc(Number(match[1]) * 1024 ** Math.max(0, UNITS.indexOf(unit.charAt(0))))
}
