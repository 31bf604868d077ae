import { randomUUID } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine } from '../engine.ts'
import { codeOf } from '../errdefs.ts'
import type { Route } from './router.ts'
import { buildRoutes } from './routes/build.ts'
import { containerRoutes } from './routes/containers.ts'
import { execRoutes } from './routes/exec.ts'
import { imageRoutes } from './routes/images.ts'
import { networkRoutes } from './routes/networks.ts'
import { pluginRoutes } from './routes/plugins.ts'
import { swarmRoutes } from './routes/swarm.ts'
import { systemRoutes } from './routes/system.ts'
import { volumeRoutes } from './routes/volumes.ts'
import { type Component, systemInfo, systemVersion } from './system-info.ts'

/** The whole API of one engine. `components` tells the versions of the programs it works with; asked once, when needed. */
export const engineRoutes = (engine: Engine, components: () => Promise<readonly Component[]>): readonly Route[] => {
  const { config, containers, events, images, networks, volumes } = engine
  const id = engineId(config.dataRoot)
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
          id,
          config,
          containers: containers.counts(),
          images: (await images.list({ all: true, sharedSize: false, filters: {} })).length,
          listeners: events.listeners,
          components: await once(),
        }),
      version: async () => systemVersion({ config, components: await once() }),
      usage: {
        layersSize: () => images.layersSize(),
        images: () => images.list({ all: true, sharedSize: true, filters: {} }),
        containers: () => containers.list({ all: true, size: true }),
        volumes: () => volumes.usage(),
        buildCache: () => engine.builder.usage(),
      },
    }),
    ...containerRoutes(containers),
    ...execRoutes(containers),
    ...imageRoutes(images),
    ...buildRoutes(engine.builder),
    ...networkRoutes({ list: () => networks.list(), inspect: reference => networks.inspect(reference, owner => containers.nameOf(owner)) }),
    ...volumeRoutes(volumes),
    ...swarmRoutes(),
    ...pluginRoutes(),
  ]
}

/** The engine's id, made once and kept in its data root: clients tell engines apart by it. */
export const engineId = (dataRoot: string): string => {
  const path = join(dataRoot, 'engine-id')
  try {
    const id = readFileSync(path, 'utf8').trim()
    if (id !== '') return id
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
  const id = randomUUID()
  writeFileSync(`${path}.new`, id, { mode: 0o600, flush: true })
  renameSync(`${path}.new`, path)
  return id
}
