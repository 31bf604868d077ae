const ESCAPES: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

/** The value of a Go string literal, `"…"` or `` `…` ``. */
export const unquote = (literal: string): string =>
  literal.startsWith('`')
    ? literal.slice(1, -1)
    : literal
        .slice(1, -1)
        .replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)/g, (_, escape: string) => {
          if (/^[xuU]./.test(escape)) return String.fromCodePoint(Number.parseInt(escape.slice(1), 16))
          if (/^[0-7]{3}$/.test(escape)) return String.fromCodePoint(Number.parseInt(escape, 8))
          return ESCAPES[escape] ?? escape
        })
