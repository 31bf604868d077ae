import type { Readable } from 'node:stream'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'

export type Waiting = { readonly signal?: AbortSignal | undefined }

export type BlobDescriptor = Descriptor & {
  /** Where else it may be had, for layers that may not be passed on. */
  readonly urls?: readonly string[] | undefined
}

export type BlobAnswer = {
  /** Breaks with an error of kind Unavailable when the connection does. Not hashed: that is the reader's. */
  readonly stream: Readable
  /** Where the stream begins: what was asked for, or 0 when the registry knows no ranges. */
  readonly offset: number
  /** Bytes of the whole blob, where the registry says so. */
  readonly size: number | undefined
}

/**
 * One repository of one registry. Errors have dockerd's words; their `cause` is the RegistryError. An aborted signal ends
 * everything at once, with its reason.
 */
export interface Repository {
  /** `docker.io/library/debian` */
  readonly name: string
  /** Whole and checked against its digest; 4 MiB at most. Mirrors are asked first. */
  manifest(
    tagOrDigest: string,
    options?: Waiting & { readonly accept?: readonly string[] | undefined },
  ): Promise<{ readonly descriptor: Descriptor; readonly bytes: Buffer }>
  /** Its descriptor alone, without its bytes where the registry can do that. */
  resolve(tagOrDigest: string, options?: Waiting): Promise<Descriptor>
  blob(descriptor: BlobDescriptor, options?: Waiting & { readonly offset?: number | undefined }): Promise<BlobAnswer>
  tags(options?: Waiting): Promise<string[]>
  hasBlob(digest: Digest, options?: Waiting): Promise<boolean>
  /** Takes a blob from another repository of this registry; false when the registry does not want to. */
  mountBlob(digest: Digest, from: string, options?: Waiting): Promise<boolean>
  /** `open(offset)` gives the blob's bytes from there on, again after a failure. `onProgress` hears how many are away. */
  uploadBlob(
    descriptor: Descriptor,
    open: (offset: number) => Readable,
    options?: Waiting & { readonly onProgress?: ((bytes: number) => void) | undefined },
  ): Promise<void>
  /** The digest under which the registry has it. */
  putManifest(tagOrDigest: string, bytes: Buffer, mediaType: string, options?: Waiting): Promise<Digest>
}
