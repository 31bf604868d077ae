import type { Filters } from '../../api/filters.ts'
import type { VolumeCreateRequest, VolumeInspect, VolumePruneResponse } from '../../api/volume.ts'
import { invalidArgument, messageOf } from '../../errdefs.ts'
import { checkShape, VOLUME_SHAPE } from '../json-shape.ts'
import type { RequestContext } from '../request-context.ts'
import type { Route } from '../router.ts'

/** What the routes ask of volumes. Unknown names throw NotFound. */
export type VolumesBackend = {
  create(request: VolumeCreateRequest): VolumeInspect
  list(filters: Filters): readonly VolumeInspect[]
  inspect(name: string): VolumeInspect
  remove(name: string, options: { force: boolean }): Promise<void>
  prune(filters: Filters, signal: AbortSignal): Promise<VolumePruneResponse>
}

export const volumeRoutes = (volumes: VolumesBackend): readonly Route[] => [
  { method: 'GET', path: '/volumes', handler: context => list(context, volumes) },
  { method: 'POST', path: '/volumes/create', handler: context => create(context, volumes) },
  { method: 'POST', path: '/volumes/prune', handler: context => prune(context, volumes) },
  {
    method: 'GET',
    path: '/volumes/{name:.+}',
    handler: context => context.json(volumes.inspect(context.param('name'))),
  },
  { method: 'DELETE', path: '/volumes/{name:.+}', handler: context => remove(context, volumes) },
]

const list = (context: RequestContext, volumes: VolumesBackend): void => {
  context.json({ Volumes: volumes.list(readFilters(context)), Warnings: null })
}

const readFilters = (context: RequestContext): Filters => {
  try {
    return context.query.filters()
  } catch (error) {
    throw invalidArgument(`error reading volume filters: ${messageOf(error)}`, { cause: error })
  }
}

const create = async (context: RequestContext, volumes: VolumesBackend): Promise<void> => {
  const body = (await context.readJson<VolumeCreateRequest | null>({ optional: true })) ?? {}
  checkShape(body, VOLUME_SHAPE, 'volume.CreateOptions')
  context.json(volumes.create(body), 201)
}

const prune = async (context: RequestContext, volumes: VolumesBackend): Promise<void> => {
  const filters = context.query.filters()
  // Before API 1.42 a prune took named volumes too.
  const meant = context.speaks('1.42') || filters.all !== undefined ? filters : { ...filters, all: ['true'] }
  context.json(await volumes.prune(meant, context.signal))
}

const remove = async (context: RequestContext, volumes: VolumesBackend): Promise<void> => {
  await volumes.remove(context.param('name'), { force: context.query.boolean('force') })
  context.empty(204)
}
