import type { ImageGcResponse } from '../../api/image-gc.ts'
import { type ImageGcConfig, imageGcFromText } from '../../config.ts'
import { invalidArgument } from '../../errdefs.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RequestContext } from '../request-context.ts'
import type { Route } from '../router.ts'

/** What the routes ask of images. */
export type ImageUpkeepBackend = {
  /** What the configuration says; undefined when it says nothing. */
  policy(): ImageGcConfig | undefined
  planCollection(policy: ImageGcConfig): Promise<ImageGcResponse>
  collect(policy: ImageGcConfig): Promise<ImageGcResponse>
  /** All platforms of a name. Throws NotFound. */
  platforms(name: string): readonly { readonly id: Digest }[]
  pin(images: readonly Digest[]): void
  unpin(images: readonly Digest[]): void
}

/** Tare's own: pins, and collection by hand. */
export const imageUpkeepRoutes = (images: ImageUpkeepBackend): readonly Route[] => [
  { method: 'POST', path: '/images/gc', handler: context => collect(context, images) },
  {
    method: 'POST',
    path: '/images/{name:.+}/pin',
    handler: context => pin(context, images, ids => images.pin(ids)),
  },
  {
    method: 'POST',
    path: '/images/{name:.+}/unpin',
    handler: context => pin(context, images, ids => images.unpin(ids)),
  },
]

const pin = (context: RequestContext, images: ImageUpkeepBackend, change: (ids: readonly Digest[]) => void): void => {
  change(images.platforms(context.param('name')).map(({ id }) => id))
  context.empty(204)
}

const PARAMETERS = ['high', 'low', 'keep', 'minAge'] as const

/** `high`, `low`, `keep` and `minAge` take the place of the configuration's policy, for this once. */
const collect = async (context: RequestContext, images: ImageUpkeepBackend): Promise<void> => {
  const { query } = context
  const given = PARAMETERS.flatMap(name => (query.get(name) === '' ? [] : [`${name}=${query.get(name)}`]))
  const policy = given.length > 0 ? imageGcFromText(given.join(',')) : images.policy()
  if (!policy || (policy.high === undefined && policy.keep === undefined)) {
    throw invalidArgument(
      'no policy says which images may go: set "image-gc" in the configuration file, or give high or keep',
    )
  }
  context.json(await (query.boolean('dryrun') ? images.planCollection(policy) : images.collect(policy)))
}
