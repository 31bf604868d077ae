import { notFound } from '../../errdefs.ts'
import { familiarName, familiarRepository, parseReference, withDefaultTag } from '../../oci/reference.ts'
import type { BaseImage, ImageStore } from './engine-parts.ts'

/** The image that FROM or COPY --from names. NotFound says how to get one, InvalidArgument that it can be no name. */
export const findBase = (images: ImageStore, name: string): BaseImage => {
  const image = images.find(name)
  if (image !== undefined) return image
  const reference = withDefaultTag(parseReference(name))
  throw notFound(
    `pull access denied for ${familiarRepository(reference)}, repository does not exist or may require 'docker login': ` +
      `Tare cannot ask registries yet; for a base image run: tare image bootstrap ${familiarName(reference)}`,
  )
}
