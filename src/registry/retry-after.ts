/** How long a registry asks to wait, in ms: seconds or an HTTP date. https://www.rfc-editor.org/rfc/rfc9110#name-retry-after */
export const parseRetryAfter = (header: string | undefined, now = Date.now()): number | undefined => {
  const text = header?.trim() ?? ''
  if (/^[0-9]+$/.test(text)) return Number(text) * 1000
  // Date.parse takes much that is no date; an HTTP date has a name of a day first.
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /.test(text)) return undefined
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
