/** Sizes and times as Docker words them. */
const DECIMAL = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB']
const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB']

/** Go's `%.<precision>g`. */
const significant = (value: number, precision: number): string => {
  const text = value.toPrecision(precision)
  const [digits = '', exponent] = text.split('e')
  const short = digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits
  return exponent === undefined ? short : `${short}e${exponent.replace(/([+-])(\d)$/, '$10$2')}`
}

const scaled = (bytes: number, base: number, units: readonly string[], precision: number): string => {
  let size = bytes
  let unit = 0
  for (; size >= base && unit < units.length - 1; unit++) size /= base
  return significant(size, precision) + units[unit]
}

/** Powers of 1000, four digits: `1.982MB`. */
export const humanSize = (bytes: number, precision = 4): string => scaled(bytes, 1000, DECIMAL, precision)
/** Powers of 1024: `23.54GiB`. */
export const binarySize = (bytes: number): string => scaled(bytes, 1024, BINARY, 4)

/** `3 minutes`, `About an hour`; `seconds` is how long. */
export const humanDuration = (seconds: number): string => {
  const whole = Math.trunc(seconds)
  if (whole < 1) return 'Less than a second'
  if (whole === 1) return '1 second'
  if (whole < 60) return `${whole} seconds`
  const minutes = Math.trunc(seconds / 60)
  if (minutes === 1) return 'About a minute'
  if (minutes < 60) return `${minutes} minutes`
  const hours = Math.trunc(seconds / 3600 + 0.5)
  if (hours === 1) return 'About an hour'
  if (hours < 48) return `${hours} hours`
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`
  return `${Math.trunc(seconds / 3600 / 24 / 365)} years`
}

/** How long ago: `2 weeks ago`. `time`: seconds since the epoch. */
export const ago = (time: number, now = Date.now() / 1000): string => `${humanDuration(now - time)} ago`

/** Go's default print of a time in local time: `2026-11-22 05:14:32 +0000 UTC`. `fraction` (`.123`) is put behind the seconds. */
export const goTime = (seconds: number, fraction = ''): string => {
  const date = new Date(seconds * 1000)
  const two = (value: number): string => String(Math.trunc(value)).padStart(2, '0')
  const offset = -date.getTimezoneOffset()
  const zone =
    offset === 0
      ? 'UTC'
      : (new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' })
          .formatToParts(date)
          .find(part => part.type === 'timeZoneName')?.value ?? '')
  const sign = offset < 0 ? '-' : '+'
  return (
    `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
    `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}${fraction} ` +
    `${sign}${two(Math.abs(offset) / 60)}${two(Math.abs(offset) % 60)} ${zone}`
  )
}

/** RFC 3339 in local time, as Go's `time.RFC3339`: `2026-11-22T05:14:32Z`. `digits`: fraction behind the seconds. */
export const rfc3339 = (seconds: number, fraction = ''): string => {
  const [day, time, zone] = goTime(seconds, fraction).split(' ') as [string, string, string]
  return `${day}T${time}${zone === '+0000' ? 'Z' : `${zone.slice(0, 3)}:${zone.slice(3)}`}`
}

/** Cuts to `length` characters, the last being `…`. */
export const ellipsis = (text: string, length: number): string => {
  const characters = [...text]
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`
}

/** The twelve characters that people read of an ID, without its algorithm. */
export const shortId = (id: string): string => id.replace(/^[a-z0-9]+:/, '').slice(0, 12)
