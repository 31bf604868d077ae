import type { HostFacts, Program } from '../host/facts.ts'

/**
 * `ok`: as it should be. `note`: works, and good to know. `missing`: something that Tare cannot do without.
 */
export type Verdict = 'ok' | 'note' | 'missing'

export type Finding = {
  readonly group: 'host' | 'programs' | 'network' | 'limits'
  readonly name: string
  readonly verdict: Verdict
  /** What was found. */
  readonly value: string
  /** The command that mends it, or what to do where no command does. */
  readonly mend?: string
}

const GIB = 1024 ** 3
const size = (bytes: number): string => `${(bytes / GIB).toFixed(1)} GiB`
const count = (limit: number | undefined): string => (limit === undefined ? 'unlimited' : String(limit))

const CAPABILITIES: Readonly<Record<string, number>> = {
  CAP_NET_ADMIN: 12,
  CAP_SYS_CHROOT: 18,
  CAP_SYS_ADMIN: 21,
  CAP_MKNOD: 27,
}
const CAP_SYS_RESOURCE = 24
/** Controllers without which limits or the isolation of devices do not work. v2 does devices without a controller. */
const CONTROLLERS = ['cpu', 'memory', 'pids']

const kernelOf = ({ kernel, architecture }: HostFacts): Finding => {
  const [major = 0, minor = 0] = kernel.split('.').map(part => Number.parseInt(part, 10))
  const old = major < 5 || (major === 5 && minor < 10)
  return {
    group: 'host',
    name: 'kernel',
    verdict: old ? 'note' : 'ok',
    value: `${kernel} (${architecture})`,
    ...(old && { mend: 'Tare is tried on Linux 5.10 and newer' }),
  }
}

const privilegeOf = ({ isRoot, capabilities }: HostFacts): Finding => {
  const lacking = Object.keys(CAPABILITIES).filter(name => !((capabilities >> BigInt(CAPABILITIES[name] ?? 0)) & 1n))
  const base = { group: 'host', name: 'privilege' } as const
  if (!isRoot) return { ...base, verdict: 'note', value: 'not root; some facts stay unknown', mend: 'sudo tare doctor' }
  if (lacking.length === 0) return { ...base, verdict: 'ok', value: 'root' }
  return {
    ...base,
    verdict: 'missing',
    value: `root without ${lacking.join(', ')}`,
    mend: 'start Tare where root has these capabilities (outside of an unprivileged container)',
  }
}

const cgroupsOf = ({ cgroups: { mode, controllers } }: HostFacts): Finding => {
  const base = { group: 'host', name: 'cgroups' } as const
  if (mode === 'none') {
    return { ...base, verdict: 'missing', value: 'not mounted', mend: 'mount -t cgroup2 cgroup2 /sys/fs/cgroup' }
  }
  const wanted = mode === 'unified' ? CONTROLLERS : [...CONTROLLERS, 'devices', 'freezer']
  const lacking = wanted.filter(name => !controllers.includes(name))
  const words = { unified: 'v2', hybrid: 'v1, beside an empty v2', legacy: 'v1' }[mode]
  if (lacking.length === 0) return { ...base, verdict: 'ok', value: `${words}: ${controllers.join(' ')}` }
  return {
    ...base,
    verdict: 'missing',
    value: `${words}, without ${lacking.join(', ')}`,
    mend: `start the kernel with cgroup_enable=${lacking.join(',')}`,
  }
}

const overlayOf = ({ overlay }: HostFacts): Finding => ({
  group: 'host',
  name: 'overlayfs',
  verdict: overlay ? 'ok' : 'missing',
  value: overlay ? 'available' : 'neither in the kernel nor among its modules',
  ...(!overlay && { mend: 'install a kernel with CONFIG_OVERLAY_FS' }),
})

/** What a processor runs that is called otherwise. */
const KIN: Readonly<Record<string, readonly string[]>> = { x64: ['amd64', '386'], arm64: ['arm64', 'arm'] }

/** Images of other architectures run where the kernel hands their programs to an emulator. */
const platformsOf = ({ emulated, architecture }: HostFacts): Finding => {
  const base = { group: 'host', name: 'other platforms' } as const
  const found = [...emulated].filter(([name]) => !KIN[architecture]?.includes(name))
  const native = architecture === 'x64' ? 'linux/386' : ''
  if (found.length === 0) {
    const value = 'the kernel has no handler (binfmt_misc) for programs of other architectures'
    const install = 'apt-get install qemu-user-static binfmt-support'
    return {
      ...base,
      verdict: 'note',
      value: native ? `${native}; ${value}` : value,
      mend: `${install}, to emulate them`,
    }
  }
  const isEverywhere = found.every(([, { flags }]) => flags.includes('F'))
  const names = found.map(([name, { flags, interpreter }]) =>
    flags.includes('F') ? `linux/${name}` : `linux/${name} (only where the container has ${interpreter})`,
  )
  return {
    ...base,
    verdict: isEverywhere ? 'ok' : 'note',
    value: `${native ? `${native}; ` : ''}emulated: ${names.join(', ')}`,
    ...(!isEverywhere && { mend: 'have the handlers registered with the F flag, as qemu-user-static does' }),
  }
}

const dataRootOf = ({ dataRoot }: HostFacts): Finding => {
  const { path, freeBytes, totalBytes, fileSystem } = dataRoot
  const base = { group: 'host', name: 'data root' } as const
  const value = `${path} on ${fileSystem}, ${size(freeBytes)} of ${size(totalBytes)} free`
  if (fileSystem === 'overlay' || fileSystem === 'nfs') {
    return {
      ...base,
      verdict: 'missing',
      value,
      mend: `overlayfs cannot lie on ${fileSystem}; use --data-root on ext4, xfs or tmpfs`,
    }
  }
  if (freeBytes < 2 * GIB) return { ...base, verdict: 'note', value, mend: 'tare system prune, or more space' }
  return { ...base, verdict: 'ok', value }
}

type Need = {
  readonly name: keyof HostFacts['programs']
  readonly package: string
  readonly purpose: string
  readonly necessary: boolean
}

const NEEDS: readonly Need[] = [
  { name: 'runc', package: 'runc', purpose: 'starts containers', necessary: true },
  { name: 'conmon', package: 'conmon', purpose: 'keeps the output and the exit code of containers', necessary: true },
  { name: 'ip', package: 'iproute2', purpose: 'sets up networks', necessary: true },
  { name: 'nft', package: 'nftables', purpose: 'address translation and published ports', necessary: true },
  { name: 'mmdebstrap', package: 'mmdebstrap', purpose: 'makes Debian base images', necessary: false },
  { name: 'busybox', package: 'busybox-static', purpose: 'makes the busybox base image', necessary: false },
]

const programOf = (need: Need, program: Program | undefined): Finding => {
  const base = { group: 'programs', name: need.name } as const
  if (program) return { ...base, verdict: 'ok', value: `${program.version} (${program.path})` }
  return {
    ...base,
    verdict: need.necessary ? 'missing' : 'note',
    value: `not found; it ${need.purpose}`,
    mend: `apt-get install ${need.package}`,
  }
}

const libraryOf = ({ libnftables }: HostFacts): Finding => ({
  group: 'programs',
  name: 'libnftables',
  verdict: libnftables === undefined ? 'missing' : 'ok',
  value: libnftables ?? 'not found; it changes the firewall in one step',
  ...(libnftables === undefined && { mend: 'apt-get install libnftables1' }),
})

const nodeOf = ({ node }: HostFacts): Finding => ({ group: 'programs', name: 'node', verdict: 'ok', value: node })

const networkOf = (facts: HostFacts): Finding[] => {
  const { nftWorks, ipForward, forwardPolicy, nameservers } = facts
  const local = nameservers.filter(address => address.startsWith('127.') || address === '::1')
  return [
    {
      group: 'network',
      name: 'nftables',
      verdict: nftWorks === false ? 'missing' : nftWorks ? 'ok' : 'note',
      value: nftWorks === false ? 'the kernel does not answer' : nftWorks ? 'the kernel answers' : 'unknown',
      ...(nftWorks === false && { mend: 'modprobe nf_tables' }),
    },
    {
      group: 'network',
      name: 'forwarding',
      verdict: 'ok',
      value: ipForward ? 'on' : 'off; the daemon turns it on',
    },
    {
      group: 'network',
      name: 'FORWARD policy',
      verdict: 'ok',
      value:
        forwardPolicy === 'DROP'
          ? 'DROP, by another engine or a firewall; the daemon lets its own bridges pass'
          : (forwardPolicy ?? 'none (no iptables)'),
    },
    {
      group: 'network',
      name: 'nameservers',
      verdict: nameservers.length > 0 && local.length < nameservers.length ? 'ok' : 'note',
      value: nameservers.length === 0 ? 'none in /etc/resolv.conf' : nameservers.join(' '),
      ...(local.length > 0 &&
        local.length === nameservers.length && {
          mend: 'a container cannot ask the host’s own loopback; give --dns ADDRESS',
        }),
    },
  ]
}

const limitsOf = ({ openFiles, processes, userNamespaces, seccomp, apparmor, capabilities }: HostFacts): Finding[] => {
  const few = openFiles.hard !== undefined && openFiles.hard < 4096
  const fixed = !((capabilities >> BigInt(CAP_SYS_RESOURCE)) & 1n)
  return [
    {
      group: 'limits',
      name: 'open files',
      verdict: few ? 'note' : 'ok',
      value: `${count(openFiles.soft)} soft, ${count(openFiles.hard)} hard${fixed ? '; cannot be raised (no CAP_SYS_RESOURCE)' : ''}`,
      ...(few && { mend: 'ulimit -n 65536, or LimitNOFILE= in the unit' }),
    },
    {
      group: 'limits',
      name: 'processes',
      verdict: 'ok',
      value: `${count(processes.soft)} soft, ${count(processes.hard)} hard`,
    },
    {
      group: 'limits',
      name: 'user namespaces',
      verdict: 'ok',
      value: userNamespaces > 0 ? `up to ${userNamespaces}` : 'off',
    },
    {
      group: 'limits',
      name: 'seccomp',
      verdict: seccomp ? 'ok' : 'note',
      value: seccomp ? 'available' : 'not in this kernel: containers run without a syscall filter',
    },
    { group: 'limits', name: 'AppArmor', verdict: 'ok', value: apparmor ? 'available' : 'not in use' },
  ]
}

const neighboursOf = ({ otherEngines }: HostFacts): Finding => ({
  group: 'network',
  name: 'other engines',
  verdict: 'ok',
  value: otherEngines.length === 0 ? 'none' : `${otherEngines.join(', ')}; they do not disturb each other's containers`,
})

/** Judges what a host offers, in the order in which a reader wants it. */
export const diagnose = (facts: HostFacts): Finding[] => [
  kernelOf(facts),
  privilegeOf(facts),
  cgroupsOf(facts),
  overlayOf(facts),
  platformsOf(facts),
  dataRootOf(facts),
  ...NEEDS.map(need => programOf(need, facts.programs[need.name])),
  libraryOf(facts),
  nodeOf(facts),
  ...networkOf(facts),
  neighboursOf(facts),
  ...limitsOf(facts),
]

/** The findings as aligned lines, and a last one that says how it stands. */
export const renderFindings = (findings: readonly Finding[]): string => {
  const width = Math.max(...findings.map(({ name }) => name.length)) + 2
  const lines: string[] = []
  let group = ''
  for (const { group: next, name, verdict, value, mend } of findings) {
    if (next !== group) lines.push(...(group === '' ? [] : ['']), `${next[0]?.toUpperCase()}${next.slice(1)}`)
    group = next
    lines.push(`  ${name.padEnd(width)}${verdict.padEnd(9)}${value}`)
    if (mend !== undefined) lines.push(`  ${''.padEnd(width + 9)}→ ${mend}`)
  }
  const missing = findings.filter(({ verdict }) => verdict === 'missing')
  const end =
    missing.length === 0
      ? 'Everything that Tare needs is here.'
      : `Tare cannot work here yet because of: ${missing.map(({ name }) => name).join(', ')}.`
  return `${lines.join('\n')}\n\n${end}\n`
}
