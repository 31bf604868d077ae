import type { Shape } from '../json-shape.ts'

const STRINGS: Shape = { map: 'string' }
const each = (type: Shape, names: string): Record<string, Shape> =>
  Object.fromEntries(names.split(' ').map(name => [name, type]))
const TYPED: Shape = { fields: { type: 'string', attributes: STRINGS, toClient: 'bool' } }
const SOURCE: Shape = { fields: each('string', 'type url reference') }

/** `BuildOptions` of api/. */
export const BUILD_OPTIONS_SHAPE: Shape = {
  fields: {
    dockerfile: { fields: each('string', 'path text') },
    context: SOURCE,
    namedContexts: { map: SOURCE },
    buildArgs: STRINGS,
    labels: STRINGS,
    ...each('strings', 'tags annotations noCacheFilter platforms extraHosts secrets sshAgents allow'),
    ...each('string', 'target network cgroupParent'),
    ...each('bool', 'noCache pull squash check shellOnError'),
    shmSize: 'int',
    ulimits: { list: { fields: { Name: 'string', Soft: 'int', Hard: 'int' } } },
    resources: {
      fields: {
        ...each('int', 'memory memorySwap cpuShares cpuPeriod cpuQuota'),
        ...each('string', 'cpusetCpus cpusetMems'),
      },
    },
    ...each({ list: TYPED }, 'exports cacheFrom cacheTo attestations'),
  },
}
