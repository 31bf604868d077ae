/** Wire types of `POST /images/gc` (Tare's own). */

/** An image that goes, or would go. */
export type ImageGcItem = {
  readonly Id: string
  /** As people write them; none for an image without a name. */
  readonly Names: readonly string[]
  /** Bytes that going frees: layers and blobs that no image has which stays. */
  readonly Size: number
  /** Why, in words. */
  readonly Reason: string
}

export type ImageGcResponse = {
  readonly Images: readonly ImageGcItem[]
  /** How many images stay. */
  readonly Kept: number
  /** Bytes. */
  readonly SpaceReclaimed: number
}
