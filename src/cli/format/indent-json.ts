/** Re-indents JSON text as Go's `json.Indent` does, leaving every number and string as the daemon wrote it. */
export const indentJson = (text: string, indent = '    '): string => {
  let out = ''
  let depth = 0
  const newline = (): string => `\n${indent.repeat(depth)}`
  for (let at = 0; at < text.length; at++) {
    const character = text[at] as string
    if (character === '"') {
      const start = at
      for (at++; text[at] !== '"' && at < text.length; at++) if (text[at] === '\\') at++
      out += text.slice(start, at + 1)
    } else if (character === '{' || character === '[') {
      const close = character === '{' ? '}' : ']'
      let next = at + 1
      while (/\s/.test(text[next] ?? '')) next++
      if (text[next] === close) {
        out += character + close
        at = next
        continue
      }
      depth++
      out += character + newline()
    } else if (character === '}' || character === ']') {
      depth--
      out += newline() + character
    } else if (character === ',') out += `,${newline()}`
    else if (character === ':') out += ': '
    else if (!/\s/.test(character)) out += character
  }
  return out
}
