import { join } from 'node:path'
import type { Engine } from '../engine.ts'
import type { CheckedFacts } from '../images/check-parts.ts'
import type { ServedStore } from './registry/registry-answers.ts'
import type { Route } from './router.ts'
import { buildRoutes } from './routes/build.ts'
import { buildSessionRoutes } from './routes/build-session.ts'
import { containerRoutes } from './routes/containers.ts'
import { execRoutes } from './routes/exec.ts'
import { imageUpkeepRoutes } from './routes/image-upkeep.ts'
import { imageRoutes } from './routes/images.ts'
import { networkRoutes } from './routes/networks.ts'
import { pluginRoutes } from './routes/plugins.ts'
import { registryRoutes } from './routes/registry.ts'
import { registryServeRoutes } from './routes/registry-serve.ts'
import { swarmRoutes } from './routes/swarm.ts'
import { systemRoutes } from './routes/system.ts'
import { volumeRoutes } from './routes/volumes.ts'
import { type Component, systemInfo, systemVersion } from './system-info.ts'

/** The whole API of one engine. `components` tells the versions of the programs it works with; asked once, when needed. */
export const engineRoutes = (engine: Engine, components: () => Promise<readonly Component[]>): readonly Route[] => {
  const { config, containers, events, images, networks, volumes } = engine
  let known: Promise<readonly Component[]> | undefined
  const once = () => {
    known ??= components()
    return known
  }
  return [
    ...systemRoutes({
      events,
      info: async () =>
        systemInfo({
          id: engine.id,
          config,
          containers: containers.counts(),
          images: images.list().length,
          listeners: events.listeners,
          components: await once(),
        }),
      version: async () => systemVersion({ config, components: await once() }),
      usage: {
        stored: () => images.upkeep.usage(),
        images: () => images.list({ sharedSize: true }),
        containers: () => containers.list({ all: true, size: true }),
        volumes: () => volumes.usage(),
        buildCache: () => engine.builder.usage(),
      },
      check: options => images.upkeep.check({ ...options, facts: () => storedFacts(engine) }),
    }),
    ...containerRoutes(containers),
    ...execRoutes(containers),
    ...registryRoutes(() => images.distribution),
    ...imageUpkeepRoutes({
      policy: () => config.imageGc,
      planCollection: policy => images.upkeep.planCollection(policy),
      collect: policy => images.upkeep.collect(policy),
      platforms: name => [images.get(name), ...images.platforms(name)],
      pin: ids => images.upkeep.pin(ids),
      unpin: ids => images.upkeep.unpin(ids),
    }),
    ...imageRoutes(images),
    ...buildRoutes(engine.builder),
    ...buildSessionRoutes(engine.builder),
    ...networkRoutes({
      list: () => networks.list(),
      inspect: reference => networks.inspect(reference, owner => containers.nameOf(owner)),
    }),
    ...volumeRoutes(volumes),
    ...registryServeRoutes(servedStore(engine), engine.log),
    ...swarmRoutes(),
    ...pluginRoutes(),
  ]
}

/** What a check of the storage is told of the other rooms. */
const storedFacts = async ({ config, containers, volumes }: Engine): Promise<CheckedFacts> => ({
  database: join(config.dataRoot, 'tare.db'),
  containers: (await containers.list({ all: true })).map(({ Id, Names, State }) => ({
    id: Id,
    name: (Names[0] ?? Id).replace(/^\//, ''),
    running: State !== 'created' && State !== 'exited' && State !== 'dead',
  })),
  volumes: volumes.list().map(({ Name, Mountpoint, Options }) => ({ name: Name, path: Options?.device ?? Mountpoint })),
})

/** The local store as a registry offers it. */
export const servedStore = ({ images, content }: Engine): ServedStore => ({
  published: () => images.published(),
  blobPath: digest => content.path(digest),
  readBlob: digest => (content.has(digest) ? content.readSync(digest) : undefined),
})
