import type { Lifecycle } from './container.ts'

const UNITS: readonly (readonly [limit: number, seconds: number, text: (count: number) => string])[] = [
  [1, 1, () => 'Less than a second'],
  [2, 1, () => '1 second'],
  [60, 1, count => `${count} seconds`],
  [120, 60, () => 'About a minute'],
  [46 * 60, 60, count => `${count} minutes`],
  [90 * 60, 3600, () => 'About an hour'],
  [48 * 3600, 3600, count => `${count} hours`],
  [14 * 86_400, 86_400, count => `${count} days`],
  [60 * 86_400, 7 * 86_400, count => `${count} weeks`],
  [730 * 86_400, 30 * 86_400, count => `${count} months`],
  [Number.POSITIVE_INFINITY, 365 * 86_400, count => `${count} years`],
]

/** A span in the words that Docker uses: `About a minute`, `3 hours`. */
export const humanDuration = (milliseconds: number): string => {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  for (const [limit, unit, text] of UNITS) {
    // Hours are rounded to the nearest, as Docker does; all else counts what is complete.
    if (seconds < limit) return text(unit === 3600 ? Math.round(seconds / unit) : Math.floor(seconds / unit))
  }
  return ''
}

/** What `ps` shows in its STATUS column. `now` in milliseconds. */
export const statusText = (life: Lifecycle, now: number): string => {
  const since = (time: string | undefined): string => humanDuration(now - Date.parse(time ?? ''))
  switch (life.status) {
    case 'running':
      return `Up ${since(life.startedAt)}`
    case 'paused':
      return `Up ${since(life.startedAt)} (Paused)`
    case 'restarting':
      return `Restarting (${life.exitCode}) ${since(life.finishedAt)} ago`
    case 'removing':
      return 'Removal In Progress'
    case 'dead':
      return 'Dead'
    case 'created':
      return 'Created'
    case 'exited':
      return life.finishedAt === undefined ? 'Created' : `Exited (${life.exitCode}) ${since(life.finishedAt)} ago`
  }
}
