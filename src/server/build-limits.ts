import type { BuildOptions } from '../api/build-options.ts'
import { invalidArgument } from '../errdefs.ts'
import type { Query } from './query.ts'

type Limits = Pick<BuildOptions, 'extraHosts' | 'shmSize' | 'ulimits' | 'cgroupParent' | 'resources'>

/** What `POST /build` says of the processes of RUN. Internal or InvalidArgument for what is no number or no JSON. */
export const buildLimits = (query: Query): Limits => ({
  extraHosts: query.all('extrahosts').filter(host => host !== ''),
  shmSize: query.integer('shmsize') ?? 0,
  ulimits: ulimitsOf(query.json<unknown>('ulimits')),
  cgroupParent: query.get('cgroupparent'),
  resources: {
    memory: query.integer('memory') ?? 0,
    memorySwap: query.integer('memswap') ?? 0,
    cpuShares: query.integer('cpushares') ?? 0,
    cpuPeriod: query.integer('cpuperiod') ?? 0,
    cpuQuota: query.integer('cpuquota') ?? 0,
    cpusetCpus: query.get('cpusetcpus'),
    cpusetMems: query.get('cpusetmems'),
  },
})

const ulimitsOf = (value: unknown): Limits['ulimits'] => {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw invalidArgument('error reading ulimits: it must be a list')
  return value.map((ulimit: unknown) => {
    const { Name, Soft, Hard } = (ulimit ?? {}) as Partial<Limits['ulimits'][number]>
    if (typeof Name !== 'string' || typeof Soft !== 'number' || typeof Hard !== 'number')
      throw invalidArgument('error reading ulimits: each has a Name, a Soft and a Hard limit')
    return { Name, Soft, Hard }
  })
}
