/** Further away than this, a word is not a slip of the other. */
const FARTHEST = 2

/** ` (did you mean FROM?)` when one of the options is near, else nothing. */
export const suggestion = (word: string, options: readonly string[]): string => {
  let best: string | undefined
  let bestDistance = FARTHEST + 1
  for (const option of options) {
    const distance = editDistance(word.toLowerCase(), option.toLowerCase())
    if (distance < bestDistance) {
      best = option
      bestDistance = distance
    }
  }
  return best === undefined || bestDistance === 0 ? '' : ` (did you mean ${best}?)`
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
