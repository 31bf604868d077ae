/** A shell pattern (`*`, `?`, escapes) as the source of a regular expression; `*` takes as much or as little as it can. */
export const patternRegExp = (pattern: string, greedy: boolean): string => {
  let source = ''
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] as string
    if (char === '*') source += greedy ? '.*' : '.*?'
    else if (char === '?') source += '.'
    else if (char === '\\' && at + 1 < pattern.length) source += quote(pattern[++at] as string)
    else source += quote(char)
  }
  return source
}

const quote = (char: string): string => char.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&')
