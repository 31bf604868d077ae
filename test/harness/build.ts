import { Buffer } from 'node:buffer'
import type { JsonMessage } from '../../src/api/image.ts'
import { paddingOf } from '../../src/storage/archive/tar-entry.ts'
import { encodeEntry, endOfArchive, tarEntry } from '../../src/storage/archive/tar-writer.ts'
import type { HttpClient, RequestOptions } from './http-client.ts'

/** A file's content, or what else it is. */
export type ContextFile =
  | string
  | { readonly content?: string | Buffer; readonly mode?: number; readonly link?: string; readonly directory?: true }

/** A build context: path to file. */
export type Context = Readonly<Record<string, ContextFile>>

const MTIME = 1_600_000_000_000_000_000n

export const contextTar = (files: Context): Buffer => {
  const parts: Buffer[] = []
  for (const [path, file] of Object.entries(files)) {
    const { content = '', mode, link, directory } = typeof file === 'string' ? { content: file } : file
    const bytes = Buffer.from(content)
    const common = { path: Buffer.from(path).toString('latin1'), mtime: MTIME, uid: 77, gid: 88 }
    if (link !== undefined)
      parts.push(encodeEntry(tarEntry({ ...common, type: 'symlink', linkTarget: link, mode: 0o777 })))
    else if (directory) parts.push(encodeEntry(tarEntry({ ...common, type: 'directory', mode: mode ?? 0o755 })))
    else {
      parts.push(
        encodeEntry(tarEntry({ ...common, mode: mode ?? 0o644, size: bytes.length })),
        bytes,
        Buffer.alloc(paddingOf(bytes.length)),
      )
    }
  }
  return Buffer.concat([...parts, endOfArchive()])
}

export type BuildResult = {
  readonly status: number
  readonly messages: readonly JsonMessage[]
  /** What a person reads. */
  readonly text: string
  readonly error: string | undefined
  readonly exitCode: number | undefined
  readonly id: string | undefined
}

/** `POST /build`. */
export const build = async (
  client: HttpClient,
  dockerfile: string,
  files: Context = {},
  query: RequestOptions['query'] = {},
): Promise<BuildResult> => buildTar(client, contextTar({ Dockerfile: dockerfile, ...files }), query)

export const buildTar = async (
  client: HttpClient,
  tar: Buffer,
  query: RequestOptions['query'] = {},
): Promise<BuildResult> => {
  const { status, text } = await client.post('/build', tar, query)
  const messages = text
    .split('\n')
    .filter(line => line.trim() !== '')
    .map(line => JSON.parse(line) as JsonMessage & { message?: string })
  const failed = messages.find(message => message.error !== undefined || message.message !== undefined)
  return {
    status,
    messages,
    text: messages.map(({ stream = '' }) => stream).join(''),
    error: failed?.error ?? failed?.message,
    exitCode: failed?.errorDetail?.code,
    id: messages.map(({ aux }) => (aux as { ID?: string } | undefined)?.ID).findLast(id => id !== undefined),
  }
}

/** What the last step printed. */
export const lastOutput = ({ text }: BuildResult): string =>
  text.slice(text.lastIndexOf(' ---> Running in')).split('\n').slice(1).join('\n').split(' ---> Removed')[0] ?? ''
