import type { HealthConfig } from '../../oci/image-config.ts'
import { SyntaxProblem } from './dockerfile-error.ts'
import { type Flags, flagValue } from './flags.ts'
import { parseGoDuration } from './go-duration.ts'
import { parseJsonStrings } from './words.ts'

const MILLISECOND = 1e6
const MOST_RETRIES = 2 ** 31 - 1

/** https://docs.docker.com/reference/dockerfile/#healthcheck */
export const parseHealthcheck = (text: string, readFlags: () => Flags): HealthConfig => {
  const match = /^(\S+)\s*([^]*)$/.exec(text)
  if (match === null) throw new SyntaxProblem('HEALTHCHECK requires at least one argument')
  const type = (match[1] as string).toUpperCase()
  const rest = match[2] as string
  if (type === 'NONE') {
    if (rest !== '') throw new SyntaxProblem('HEALTHCHECK NONE takes no arguments')
    return { Test: ['NONE'] }
  }
  const flags = readFlags()
  if (type !== 'CMD') throw new SyntaxProblem(`Unknown type ${JSON.stringify(type)} in HEALTHCHECK (try CMD)`)
  const words = parseJsonStrings(rest)
  if (rest === '' || words?.length === 0) throw new SyntaxProblem('Missing command after HEALTHCHECK CMD')
  const interval = duration(flags, 'interval')
  const timeout = duration(flags, 'timeout')
  const startPeriod = duration(flags, 'start-period')
  const startInterval = duration(flags, 'start-interval')
  const retries = parseRetries(flagValue(flags, 'retries'))
  return {
    Test: words === undefined ? ['CMD-SHELL', rest] : ['CMD', ...words],
    ...(interval && { Interval: interval }),
    ...(timeout && { Timeout: timeout }),
    ...(startPeriod && { StartPeriod: startPeriod }),
    ...(startInterval && { StartInterval: startInterval }),
    ...(retries && { Retries: retries }),
  }
}

const duration = (flags: Flags, name: string): number => {
  const text = flagValue(flags, name)
  if (text === undefined || text === '') return 0
  const nanoseconds = parseGoDuration(text)
  // Docker says Interval whichever of them it is.
  if (nanoseconds !== 0 && nanoseconds < MILLISECOND)
    throw new SyntaxProblem(`Interval ${JSON.stringify(name)} cannot be less than 1ms`)
  return nanoseconds
}

const parseRetries = (text: string | undefined): number => {
  if (text === undefined || text === '') return 0
  if (!/^[+-]?\d+$/.test(text)) {
    throw new SyntaxProblem(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  }
  const retries = Number(text)
  if (retries > MOST_RETRIES || retries < -MOST_RETRIES - 1)
    throw new SyntaxProblem(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`)
  if (retries < 0) throw new SyntaxProblem(`--retries cannot be negative (${retries})`)
  return retries
}
