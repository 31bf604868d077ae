import { internal } from '../errdefs.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { type Digest, shortId } from '../oci/digest.ts'
import type { ImageConfig } from '../oci/image-config.ts'
import type { Platform } from '../oci/platform.ts'

export type ImageLayer = {
  readonly diffId: Digest
  /** The layer's tar as it lies in the content store, compressed or not. */
  readonly blob: Descriptor
  /** Bytes of files' contents, unpacked. */
  readonly size: number
}

/** An image: never changes. Its names are not part of it. */
export type Image = {
  /** Digest of the configuration's bytes. */
  readonly id: Digest
  readonly config: ImageConfig
  /** What it runs on. */
  readonly platform: Platform
  readonly manifest: Digest
  /** Bottom first. */
  readonly layers: readonly ImageLayer[]
  /** Bytes of all layers, unpacked. */
  readonly size: number
  /** Milliseconds since the epoch; undefined when the configuration does not say. */
  readonly created: number | undefined
  /** Its configuration cannot be read: it can be listed and removed, and a check may mend it. */
  readonly isDamaged?: true
}

/** A container that stands on an image. */
export type ImageUser = { readonly containerId: string; readonly running: boolean }

/** Throws Internal for an image of which nothing but its id can be relied on. */
export const wholeImage = (image: Image): Image => {
  if (!image.isDamaged) return image
  throw internal(
    `the configuration of image ${shortId(image.id)} is damaged: tare system check --repair mends it, or removes the image`,
  )
}
