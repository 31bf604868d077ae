/** Go's durations: `1h30m`, `1.5s`, `200ms`. */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 6e10,
  h: 3.6e12,
}

/** Nanoseconds. Throws in Go's words. */
export const parseDuration = (text: string): number => {
  const sign = text.startsWith('-') ? -1 : 1
  const body = text.replace(/^[+-]/, '')
  if (body === '0') return 0
  if (body === '') throw new Error(`time: invalid duration "${text}"`)
  let total = 0
  let at = 0
  for (const match of body.matchAll(/(\d+\.?\d*|\.\d+)([a-zµμ]*)/gy)) {
    const unit = UNITS[match[2] as string]
    if (match[2] === '') throw new Error(`time: missing unit in duration "${text}"`)
    if (unit === undefined) throw new Error(`time: unknown unit "${match[2]}" in duration "${text}"`)
    total += Number(match[1]) * unit
    at += match[0].length
  }
  if (at !== body.length) throw new Error(`time: invalid duration "${text}"`)
  return sign * Math.round(total)
}
