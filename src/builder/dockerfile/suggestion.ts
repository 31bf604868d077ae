/** Further away than this, a word is not a slip of the other. */
const FARTHEST = 2

/** ` (did you mean FROM?)` when one of the options is near, else nothing. */
export const suggestion = (word: string, options: readonly string[], caseSensitive: boolean): string => {
  const match = nearest(word, options, caseSensitive)
  return match === undefined ? '' : ` (did you mean ${match}?)`
}

/** The option that the word may have been meant to be, in the word's case unless that counts; none when it is one of them. */
export const nearest = (word: string, options: readonly string[], caseSensitive: boolean): string | undefined => {
  const wanted = caseSensitive ? word : word.toLowerCase()
  let best: string | undefined
  let bestDistance = FARTHEST + 1
  for (const given of options) {
    const option = caseSensitive ? given : given.toLowerCase()
    if (option === wanted) return undefined
    if (Math.abs(option.length - wanted.length) >= bestDistance) continue
    const distance = editDistance(wanted, option)
    if (distance >= bestDistance) continue
    best = !caseSensitive && word === word.toUpperCase() && word !== word.toLowerCase() ? option.toUpperCase() : option
    bestDistance = distance
  }
  return best === '' ? undefined : best
}

/** Levenshtein's. */
const editDistance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}
