/** Reads a stream of JSON objects, one a line (`/build`, `/events`, `/images/create` …). Blank lines are skipped. */
export async function* jsonLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true })
    let start = 0
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', start)) {
      const line = rest.slice(start, end).trim()
      start = end + 1
      if (line !== '') yield line
    }
    rest = rest.slice(start)
  }
  rest += decoder.decode()
  if (rest.trim() !== '') yield rest.trim()
}
