import exported from '@balena/dockerignore'

// A CommonJS module whose types say that it is none.
const dockerignore = exported as unknown as typeof exported.default

/** Decides what of a context stays out. */
export type IgnoreRules = {
  readonly ignores: (path: string) => boolean
  /** True when nothing below an ignored directory can come back in by a `!` pattern, so that it need not be read. */
  readonly prunes: (directory: string) => boolean
}

/** The rules of a `.dockerignore` text. `keep`: paths that no rule may leave out (the Dockerfile, the ignore file). */
export const parseIgnoreRules = (text: string, keep: readonly string[]): IgnoreRules => {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  const patterns = lines.map(line => line.trim()).filter(line => line !== '' && !line.startsWith('#'))
  const matcher = dockerignore({ ignorecase: false }).add(patterns)
  const exceptions = patterns
    .filter(pattern => pattern.startsWith('!'))
    .map(pattern =>
      pattern
        .slice(1)
        .trim()
        .replace(/^\.?\/+/, ''),
    )
  const kept = new Set(keep)
  return {
    ignores: path => !kept.has(path) && matcher.ignores(path),
    prunes: directory => {
      const below = `${directory}/`
      if (keep.some(path => path.startsWith(below))) return false
      return !exceptions.some(pattern => {
        const literal = pattern.split(/[*?[\\]/)[0] as string
        // A pattern may match below if one of the two paths is a beginning of the other, as far as it is literal.
        return literal === pattern
          ? `${pattern}/`.startsWith(below) || below.startsWith(`${pattern}/`)
          : literal.startsWith(below) || below.startsWith(literal)
      })
    },
  }
}
