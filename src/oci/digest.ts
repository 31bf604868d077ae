import { createHash, type Hash } from 'node:crypto'
import { invalidArgument } from '../errdefs.ts'

/** `sha256:` and 64 lower-case hexadecimal digits. https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests */
export type Digest = `sha256:${string}`

const PATTERN = /^sha256:[0-9a-f]{64}$/

export const isDigest = (text: string): text is Digest => PATTERN.test(text)

export const parseDigest = (text: string): Digest => {
  if (!isDigest(text)) throw invalidArgument('invalid checksum digest format')
  return text
}

/** The 64 hexadecimal digits of a digest. */
export const hexOf = (digest: Digest): string => digest.slice(7)

/** The first 12 hexadecimal digits: what people see. Takes a digest or bare hexadecimal digits. */
export const shortId = (id: string): string => (id.startsWith('sha256:') ? id.slice(7, 19) : id.slice(0, 12))

export const digestOf = (bytes: Uint8Array | string): Digest =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** A digest of bytes as they pass. */
export class Digester {
  readonly #hash: Hash = createHash('sha256')
  size = 0

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes)
    this.size += bytes.byteLength
  }

  digest(): Digest {
    return `sha256:${this.#hash.digest('hex')}`
  }
}

/**
 * The identity of a stack of layers, bottom first.
 * https://github.com/opencontainers/image-spec/blob/main/config.md#layer-chainid
 */
export const chainId = (diffIds: readonly Digest[]): Digest | undefined => {
  let chain: Digest | undefined
  for (const diffId of diffIds) chain = chain === undefined ? diffId : digestOf(`${chain} ${diffId}`)
  return chain
}
