import type { IncomingMessage } from 'node:http'
import { internal, invalidArgument, messageOf } from '../errdefs.ts'

/** Bytes that a JSON body may have. The largest that make sense (a container with thousands of variables) are far below. */
export const BODY_LIMIT = 4 * 1024 * 1024

const JSON_TYPE = /^application\/json\s*(;|$)/i

/**
 * Reads a JSON body. Throws InvalidArgument in dockerd's words. The body of an upgraded request lies on the socket, as
 * the HTTP parser stops at the headers; what follows it stays there.
 */
export const readJsonBody = async <Value>(
  request: IncomingMessage,
  optional: boolean,
  upgraded = false,
): Promise<Value | undefined> => {
  const type = request.headers['content-type']
  const length = request.headers['content-length']
  const empty = length === '0' || (length === undefined && request.headers['transfer-encoding'] === undefined)
  if (!empty && type !== undefined && type !== '' && !JSON_TYPE.test(type)) {
    request.resume()
    throw invalidArgument(`unsupported Content-Type header (${type}): must be 'application/json'`)
  }
  const text = empty ? '' : upgraded ? await readUpgradedText(request) : await readText(request)
  if (text.trim() === '') {
    if (optional) return undefined
    throw invalidArgument('invalid JSON: got EOF while reading request body')
  }
  return parse<Value>(text)
}

const tooLarge = () => invalidArgument('invalid JSON: http: request body too large')

const readText = (request: IncomingMessage): Promise<string> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= BODY_LIMIT) chunks.push(chunk)
      else {
        // The rest is not read: the answer closes the connection.
        request.pause()
        reject(tooLarge())
      }
    })
    request.once('end', () =>
      resolve(chunks.length === 1 ? (chunks[0] as Buffer).toString() : Buffer.concat(chunks).toString()),
    )
    request.once('error', error => reject(internal(messageOf(error), { cause: error })))
  })

/**
 * Takes the body that a client sends along with a request that is upgraded, and that means nothing (dockerode repeats
 * the query in it), off the socket: what follows is the process's input.
 */
export const skipUpgradedBody = async (request: IncomingMessage): Promise<void> => {
  if (Number(request.headers['content-length'] ?? 0) > 0) await readUpgradedText(request)
}

const readUpgradedText = async (request: IncomingMessage): Promise<string> => {
  const { socket } = request
  const length = request.headers['content-length']
  const framing = length === undefined ? chunkedBody : plainBody(Number(length))
  let bytes: Buffer = Buffer.alloc(0)
  for (;;) {
    const body = framing(bytes)
    if (body !== undefined) {
      if (body.rest.length > 0) socket.unshift(body.rest)
      return body.text
    }
    if (bytes.length > BODY_LIMIT) throw tooLarge()
    const chunk = await nextChunk(request)
    if (chunk === undefined) throw invalidArgument('invalid JSON: unexpected EOF')
    bytes = Buffer.concat([bytes, chunk])
  }
}

type Framed = { readonly text: string; readonly rest: Buffer }

const plainBody =
  (length: number) =>
  (bytes: Buffer): Framed | undefined =>
    bytes.length < length ? undefined : { text: bytes.toString('utf8', 0, length), rest: bytes.subarray(length) }

/** https://www.rfc-editor.org/rfc/rfc9112#section-7.1 */
const chunkedBody = (bytes: Buffer): Framed | undefined => {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const line = bytes.indexOf('\r\n', at)
    if (line < 0) return undefined
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16)
    if (Number.isNaN(size)) throw invalidArgument('invalid JSON: malformed chunked encoding')
    const end = line + 2 + size
    if (bytes.length < end + 2) return undefined
    if (size === 0) return { text: Buffer.concat(parts).toString(), rest: bytes.subarray(end + 2) }
    parts.push(bytes.subarray(line + 2, end))
    at = end + 2
  }
}

const nextChunk = (request: IncomingMessage): Promise<Buffer | undefined> =>
  new Promise((resolve, reject) => {
    const { socket } = request
    const settle = (act: () => void) => {
      socket.off('readable', onReadable).off('end', onEnd).off('close', onEnd).off('error', onError)
      act()
    }
    const onReadable = () => {
      const chunk: Buffer | null = socket.read()
      if (chunk !== null) settle(() => resolve(chunk))
    }
    const onEnd = () => settle(() => resolve(undefined))
    const onError = (error: Error) => settle(() => reject(error))
    socket.on('readable', onReadable).on('end', onEnd).on('close', onEnd).on('error', onError)
    onReadable()
  })

const parse = <Value>(text: string): Value => {
  try {
    return JSON.parse(text) as Value
  } catch (error) {
    throw invalidArgument(goWords(messageOf(error), text.trimEnd()), { cause: error })
  }
}

/** V8's complaints, and the words of Go's encoding/json for the same, which clients of Docker know. */
const GO_WORDS: readonly (readonly [RegExp, string])[] = [
  [/^Expected (property name|double-quoted property name)/, 'looking for beginning of object key string'],
  [/^Expected ':'/, 'after object key'],
  [/^Expected ',' or '}'/, 'after object key:value pair'],
  [/^Expected ',' or ']'/, 'after array element'],
  [/^Bad escaped character/, 'in string escape code'],
  [/^Bad control character/, 'in string literal'],
]

const goWords = (message: string, text: string): string => {
  const position = / at position (\d+)/.exec(message)
  const at = position === null ? undefined : Number(position[1])
  if (
    message.startsWith('Unexpected end') ||
    message.startsWith('Unterminated string') ||
    (at !== undefined && at >= text.length)
  ) {
    return 'invalid JSON: unexpected EOF'
  }
  if (message.includes('after JSON')) return 'unexpected content after JSON'
  const token = /^Unexpected token '(.+?)', /su.exec(message)
  if (token !== null) return `invalid JSON: invalid character '${token[1]}' looking for beginning of value`
  const words = GO_WORDS.find(([pattern]) => pattern.test(message))
  if (words !== undefined && at !== undefined) return `invalid JSON: invalid character '${text[at]}' ${words[1]}`
  return `invalid JSON: ${message}`
}
