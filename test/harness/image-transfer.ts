import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { HttpClient } from './http-client.ts'
import { registryAuth } from './registry-user.ts'

/** A line of what pull and push answer. */
export type Progress = {
  readonly id?: string
  readonly status?: string
  readonly progress?: string
  readonly progressDetail?: { readonly current?: number; readonly total?: number }
  readonly error?: string
  readonly errorDetail?: { readonly message: string }
  readonly aux?: { readonly Tag: string; readonly Digest: string; readonly Size: number }
}

export type Transfer = {
  readonly status: number
  readonly messages: readonly Progress[]
  /** What the body said that went wrong, whether before or while it streamed. */
  readonly error: string | undefined
  /** Statuses that belong to no layer. */
  readonly words: readonly string[]
  readonly aux: readonly NonNullable<Progress['aux']>[]
}

export type TransferOptions = {
  readonly tag?: string
  readonly platform?: string
  /** Sent as X-Registry-Auth. */
  readonly auth?: Readonly<Record<string, string>>
}

const transfer = async (
  client: HttpClient,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
  auth: TransferOptions['auth'] = {},
): Promise<Transfer> => {
  const answer = await client.request('POST', path, { query, headers: registryAuth(auth) })
  const messages = answer.text
    .split('\n')
    .filter(line => line.trim() !== '')
    .map(line => JSON.parse(line) as Progress & { message?: string })
  return {
    status: answer.status,
    messages,
    error: messages.map(({ error, message }) => error ?? message).find(text => text !== undefined),
    words: messages.flatMap(({ id, status }) => (id === undefined && status !== undefined ? [status] : [])),
    aux: messages.flatMap(({ aux }) => aux ?? []),
  }
}

export const pull = (client: HttpClient, image: string, options: TransferOptions = {}): Promise<Transfer> =>
  transfer(client, '/images/create', { fromImage: image, tag: options.tag, platform: options.platform }, options.auth)

/** `platform` is JSON here, as Docker's API has it. */
export const push = (client: HttpClient, image: string, options: TransferOptions = {}): Promise<Transfer> =>
  transfer(client, `/images/${image}/push`, { tag: options.tag, platform: options.platform }, options.auth)

/** Throws where it failed. */
export const succeeded = (what: Transfer): Transfer => {
  if (what.status !== 200 || what.error !== undefined) throw new Error(`${what.status}: ${what.error}`)
  return what
}

/** What was said about one layer, in order; the same said again is left out. */
export const storyOf = ({ messages }: Transfer, id: string): string[] =>
  messages
    .flatMap(message => (message.id === id ? [message.status ?? ''] : []))
    .filter((status, at, all) => status !== all[at - 1])

const names = (...path: string[]): string[] => {
  const folder = join(...path)
  return existsSync(folder) ? readdirSync(folder).sort() : []
}

/** What lies on disk of images: blobs, trees, and what is half done. */
export type StoredFiles = {
  readonly blobs: readonly string[]
  readonly snapshots: readonly string[]
  readonly ingest: readonly string[]
  /** Downloads that can go on. */
  readonly partial: readonly string[]
}

export const storedFiles = (dataRoot: string): StoredFiles => ({
  blobs: names(dataRoot, 'content/blobs/sha256'),
  // 0 is an empty directory below images that have no layer.
  snapshots: names(dataRoot, 'snapshots').filter(name => name !== '0'),
  ingest: names(dataRoot, 'content/ingest'),
  partial: names(dataRoot, 'content/partial'),
})
