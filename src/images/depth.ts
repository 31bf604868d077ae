import { invalidArgument } from '../errdefs.ts'

/** As many as Docker's storage drivers take: what has more cannot be relied on to run elsewhere. */
export const MAX_LAYERS = 127

/** InvalidArgument, in dockerd's words, when an image would have too many layers. */
export const requireDepth = (layers: number): void => {
  if (layers > MAX_LAYERS) throw invalidArgument('max depth exceeded')
}
