/** Comma-separated fields, quoted where one holds a comma, as Go's encoding/csv reads one line. Throws an Error in its words. */
export const csvFields = (text: string): string[] => {
  const fields: string[] = []
  for (let at = 0; at <= text.length; at++) {
    if (text[at] !== '"') {
      const comma = text.indexOf(',', at)
      const end = comma < 0 ? text.length : comma
      const field = text.slice(at, end)
      const quote = field.indexOf('"')
      if (quote >= 0) throw new Error(`parse error on line 1, column ${at + quote + 1}: bare " in non-quoted-field`)
      fields.push(field)
      at = end
      continue
    }
    const begin = at
    let field = ''
    for (at++; ; at++) {
      const close = text.indexOf('"', at)
      if (close < 0)
        throw new Error(`parse error on line 1, column ${begin + 1}: extraneous or missing " in quoted-field`)
      field += text.slice(at, close)
      at = close + 1
      if (text[at] !== '"') break
      field += '"'
    }
    if (at < text.length && text[at] !== ',')
      throw new Error(`parse error on line 1, column ${at}: extraneous or missing " in quoted-field`)
    fields.push(field)
  }
  return fields
}

/** `key=value` fields; keys in lower case. A field without `=` is an error. */
export const csvPairs = (text: string): [key: string, value: string][] =>
  csvFields(text).map(field => {
    const equals = field.indexOf('=')
    if (equals < 0) throw new Error(`invalid field '${field}' must be a key=value pair`)
    return [field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1).trim()]
  })
