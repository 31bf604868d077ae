import type { JsonMessage } from '../../api/image.ts'
import { humanSize } from '../format/units.ts'

export type Progress = NonNullable<JsonMessage['progressDetail']> & {
  /** Seconds since the epoch: when it began. */
  readonly start?: number
}

/** Half a character a percent. */
const WIDTH = 50
/** Terminals narrower than these get no bar, and no time that is left. */
const BAR_FROM = 110
const TIME_FROM = 50

/** True when there is something to draw; in a stream that nobody watches such messages are left out. */
export const hasProgress = ({ current = 0, total = 0 }: Progress): boolean => current > 0 || total > 0

/** `[====>     ]  1.2MB/3.4MB`, in the form that Docker gives it. `columns`: the terminal's width; `now`: seconds since the epoch. */
export const progressBar = (progress: Progress, columns: number, now = Date.now() / 1000): string => {
  const { current = 0, total = 0, start = 0, hidecounts, units = '' } = progress
  if (!hasProgress(progress)) return ''
  const sized = (value: number): string => humanSize(value)
  if (total <= 0) return units === '' ? sized(current).padStart(8) : `${current} ${units}`
  const done = Math.min(WIDTH, Math.max(0, Math.trunc(Math.trunc((current / total) * 100) / 2)))
  const bar = columns > BAR_FROM ? `[${'='.repeat(done)}>${' '.repeat(WIDTH - done)}] ` : ''
  return `${bar}${hidecounts ? '' : counts(current, total, units)}${
    columns > TIME_FROM && current > 0 && start > 0 && done < WIDTH
      ? ` ${goSeconds(((now - start) / current) * (total - current))}`
      : ''
  }`
}

const counts = (current: number, total: number, units: string): string => {
  // A count beyond the total makes the total meaningless.
  if (units === '') return humanSize(current).padStart(8) + (current > total ? '' : `/${humanSize(total)}`)
  return current > total ? `${current} ${units}` : `${current}/${total} ${units}`
}

/** Go's print of a duration of whole seconds: `1h2m3s`. */
const goSeconds = (seconds: number): string => {
  const whole = Math.round(seconds)
  const [hours, minutes] = [Math.trunc(whole / 3600), Math.trunc(whole / 60) % 60]
  return `${hours > 0 ? `${hours}h` : ''}${whole >= 60 ? `${minutes}m` : ''}${whole % 60}s`
}
