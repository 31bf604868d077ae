import { constants } from 'node:os'
import { SyntaxProblem } from '../dockerfile/dockerfile-error.ts'

const REAL_TIME = /^RT(?:MIN(?:\+(?:[1-9]|1[0-5]))?|MAX(?:-(?:[1-9]|1[0-4]))?)$/

/** Checks a signal's name or number; it is kept as written. */
export const checkStopSignal = (signal: string): string => {
  const name = signal.toUpperCase().replace(/^SIG/, '')
  const known = /^\d+$/.test(signal) ? Number(signal) > 0 : `SIG${name}` in constants.signals || REAL_TIME.test(name)
  if (!known) throw new SyntaxProblem(`invalid signal: ${signal}`)
  return signal
}
