/** Whether a path has a wildcard that is not escaped. */
export const hasWildcards = (path: string): boolean => /(?:^|[^\\])(?:\\\\)*[*?[]/.test(path)

export const unescapeGlob = (path: string): string => path.replace(/\\(.)/g, '$1')

/** One component of a path with `*`, `?` and `[a-z]`, as Go's `filepath.Match` reads it. */
export const globRegExp = (pattern: string): RegExp => {
  let source = ''
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] as string
    if (char === '*') source += '[^/]*'
    else if (char === '?') source += '[^/]'
    else if (char === '\\' && at + 1 < pattern.length) source += literal(pattern[++at] as string)
    else if (char === '[') {
      const close = pattern.indexOf(']', at + 2)
      if (close < 0) {
        source += literal(char)
        continue
      }
      const inner = pattern.slice(at + 1, close)
      const negated = inner.startsWith('^')
      source += `[${negated ? '^/' : ''}${(negated ? inner.slice(1) : inner).replace(/[\\\]^[]/g, '\\$&')}]`
      at = close
    } else source += literal(char)
  }
  try {
    return new RegExp(`^${source}$`, 's')
  } catch {
    // `[z-a]`: Go calls it a bad pattern, which matches nothing.
    return /(?!)/
  }
}

const literal = (char: string): string => char.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&')
