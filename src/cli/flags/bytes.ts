/** `512m`, `1.5GiB`, `100` → bytes; units are powers of 1024. `-1` is kept (unlimited swap). Throws in Docker's words. */
export const parseBytes = (value: string): number => {
  if (value === '-1') return -1
  const match = /^(\d+(?:\.\d+)?)\s?([kmgtp])?(?:i?b)?$/i.exec(value) ?? undefined
  if (!match) {
    const suffix = /^\d+(?:\.\d+)?\s?(\S+)$/.exec(value)?.[1]
    throw new Error(suffix === undefined ? `invalid size: '${value}'` : `invalid suffix: '${suffix.toLowerCase()}'`)
  }
  const power = match[2] === undefined ? 0 : 'kmgtp'.indexOf(match[2].toLowerCase()) + 1
  return Math.trunc(Number(match[1]) * 1024 ** power)
}
