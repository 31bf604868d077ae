import type { BuildOptions } from '../api/build-options.ts'
import { notImplemented } from '../errdefs.ts'

/** What the solver cannot do yet is refused by name, not left out in silence. NotImplemented. */
export const refuseUnsupported = (options: BuildOptions): void => {
  const { resources } = options
  const asked: readonly (readonly [boolean, string])[] = [
    [options.annotations.length > 0, 'annotations'],
    [options.extraHosts.length > 0, 'added hosts'],
    [options.shmSize > 0, 'a size of /dev/shm'],
    [options.ulimits.length > 0, 'ulimits'],
    [options.cgroupParent !== '', 'a cgroup parent'],
    [Object.values(resources).some(limit => limit !== 0 && limit !== ''), 'limits of build steps'],
    [options.cacheTo.length > 0, 'cache exports'],
    [options.cacheFrom.some(({ type }) => type !== 'registry'), 'cache sources other than images'],
    [options.attestations.length > 0, 'attestations'],
  ]
  const names = asked.flatMap(([given, name]) => (given ? [name] : []))
  if (names.length > 0) throw notImplemented(`the builder does not support yet: ${names.join(', ')}`)
}
