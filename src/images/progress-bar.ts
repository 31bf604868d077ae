/** Cells of the bar. */
const WIDTH = 50
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** The bar that old clients print as it comes: `[====>     ]  1.2MB/3MB`. New ones draw their own from the figures. */
export const progressBar = (current: number, total: number): string => {
  if (current <= 0 && total <= 0) return ''
  if (total <= 0) return formatSize(current).padStart(8)
  const filled = Math.min(WIDTH, Math.trunc(Math.trunc((current / total) * 100) / 2))
  const bar = `[${'='.repeat(filled)}>${' '.repeat(WIDTH - filled)}]`
  const size = formatSize(current).padStart(8)
  return current > total ? `${bar} ${size}` : `${bar} ${size}/${formatSize(total)}`
}

/** Bytes with four significant digits, in thousands, as Docker does. */
const formatSize = (bytes: number): string => {
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return `${Number(value.toPrecision(4))}${UNITS[unit]}`
}
