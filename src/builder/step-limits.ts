import { isIP } from 'node:net'
import type { BuildOptions } from '../api/build-options.ts'
import { invalidArgument } from '../errdefs.ts'
import type { ProcessSpec, ResourcesSpec } from '../oci/runtime-spec.ts'

/** What every RUN of a build is given, and held to. */
export type StepLimits = Pick<BuildOptions, 'extraHosts' | 'shmSize' | 'ulimits' | 'cgroupParent' | 'resources'>

const MEBIBYTE = 1024 * 1024

/** Throws InvalidArgument, in Docker's words, for what makes no sense. */
export const checkLimits = ({ extraHosts, shmSize, ulimits, resources }: StepLimits): void => {
  const { memory, memorySwap } = resources
  for (const host of extraHosts) checkExtraHost(host)
  if (shmSize < 0) throw invalidArgument('SHM size can not be less than 0')
  for (const { Soft, Hard } of ulimits)
    if (Hard !== -1 && (Soft === -1 || Soft > Hard))
      throw invalidArgument(`ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`)
  if (memory !== 0 && memory < 6 * MEBIBYTE) throw invalidArgument('Minimum memory limit allowed is 6MB')
  if (memorySwap > 0 && memory === 0)
    throw invalidArgument('You should always set the Memory limit when using Memoryswap limit, see usage')
  if (memorySwap > 0 && memorySwap < memory)
    throw invalidArgument('Minimum memoryswap limit should be larger than memory limit, see usage')
}

const checkExtraHost = (host: string): void => {
  const at = host.search(/[:=]/)
  if (at <= 0) throw invalidArgument(`bad format for add-host: ${JSON.stringify(host)}`)
  const address = host.slice(at + 1).replace(/^\[(.*)\]$/, '$1')
  if (address !== 'host-gateway' && isIP(address) === 0)
    throw invalidArgument(`invalid IP address in add-host: ${JSON.stringify(address)}`)
}

/** The build's own come before those that the daemon gives to all (`defaults`, by name). */
export const stepRlimits = (
  { ulimits }: Pick<StepLimits, 'ulimits'>,
  defaults: readonly StepLimits['ulimits'][number][],
): ProcessSpec['rlimits'] => {
  const unlimited = (value: number): number => (value < 0 ? Number.MAX_SAFE_INTEGER : value)
  const byName = new Map([...defaults, ...ulimits].map(ulimit => [ulimit.Name.toLowerCase(), ulimit]))
  return [...byName].map(([name, { Soft, Hard }]) => ({
    type: `RLIMIT_${name.toUpperCase()}`,
    soft: unlimited(Soft),
    hard: unlimited(Hard),
  }))
}

/** Of the cgroup, but for devices. */
export const stepResources = ({ resources }: Pick<StepLimits, 'resources'>): Pick<ResourcesSpec, 'memory' | 'cpu'> => {
  const { memory, memorySwap, cpuShares, cpuPeriod, cpuQuota, cpusetCpus, cpusetMems } = resources
  const positive = (value: number): number | undefined => (value > 0 ? value : undefined)
  return {
    memory:
      memory > 0
        ? // Docker's rule: as much swap again, unless told otherwise.
          { limit: memory, swap: memorySwap === 0 ? memory * 2 : memorySwap }
        : undefined,
    cpu:
      cpuShares > 0 || cpuPeriod > 0 || cpuQuota !== 0 || cpusetCpus !== '' || cpusetMems !== ''
        ? {
            ...{ shares: positive(cpuShares), period: positive(cpuPeriod), quota: cpuQuota || undefined },
            ...{ cpus: cpusetCpus || undefined, mems: cpusetMems || undefined },
          }
        : undefined,
  }
}
