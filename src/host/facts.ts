import { existsSync, readdirSync, readFileSync, statfsSync } from 'node:fs'
import { arch, cpus, release, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { type BinfmtHandler, handledArchitectures, readHandlers } from './binfmt.ts'
import { exec } from './exec.ts'
import { findProgram } from './find-program.ts'

/** `unified`: v2 alone. `hybrid`: v1 controllers beside a v2 tree that has none. `legacy`: v1 alone. */
export type CgroupMode = 'unified' | 'hybrid' | 'legacy' | 'none'

export type Program = { readonly path: string; readonly version: string }

/** What a host offers a container engine. Everything is read, nothing is changed. */
export type HostFacts = {
  readonly kernel: string
  readonly architecture: string
  readonly node: string
  readonly cpus: number
  /** Bytes. */
  readonly memory: number
  readonly isRoot: boolean
  /** Effective capabilities of this process as the kernel's bit set. */
  readonly capabilities: bigint
  readonly cgroups: { readonly mode: CgroupMode; readonly controllers: readonly string[] }
  /** Architectures, in Go's words, whose programs are handed to an emulator, each with what does so. */
  readonly emulated: ReadonlyMap<string, BinfmtHandler>
  /** overlayfs is in the kernel or a module that it can load. */
  readonly overlay: boolean
  readonly dataRoot: {
    readonly path: string
    readonly freeBytes: number
    readonly totalBytes: number
    readonly fileSystem: string
  }
  readonly programs: {
    readonly runc: Program | undefined
    readonly conmon: Program | undefined
    readonly ip: Program | undefined
    readonly nft: Program | undefined
    readonly mmdebstrap: Program | undefined
    readonly busybox: Program | undefined
  }
  readonly libnftables: string | undefined
  /** The kernel answers `nft list tables`; undefined where that cannot be asked (not root, no nft). */
  readonly nftWorks: boolean | undefined
  readonly ipForward: boolean
  /** The policy of iptables' FORWARD chain: `ACCEPT`, `DROP`, or undefined where there is none. */
  readonly forwardPolicy: string | undefined
  readonly nameservers: readonly string[]
  /** Soft and hard; undefined is unlimited. */
  readonly openFiles: { readonly soft: number | undefined; readonly hard: number | undefined }
  readonly processes: { readonly soft: number | undefined; readonly hard: number | undefined }
  /** `user.max_user_namespaces`; 0 is off. */
  readonly userNamespaces: number
  readonly seccomp: boolean
  readonly apparmor: boolean
  /** Engines that answer or could answer beside this one: `docker`, `podman`, `containerd`. */
  readonly otherEngines: readonly string[]
}

const readText = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Reads the mode and the controllers from /proc/self/mountinfo and the unified tree's `cgroup.controllers`. */
export const parseCgroups = (mountinfo: string, unifiedControllers: string): HostFacts['cgroups'] => {
  const v1 = new Set<string>()
  let v2 = false
  for (const line of mountinfo.split('\n')) {
    const [mountFields = '', fileSystem = ''] = line.split(' - ')
    const [type, , superOptions = ''] = fileSystem.split(' ')
    if (type === 'cgroup2') v2 = true
    if (type !== 'cgroup' || mountFields === '') continue
    for (const option of superOptions.split(',')) {
      if (!['rw', 'ro', 'xattr', 'clone_children', 'noprefix'].includes(option) && !option.includes('=')) v1.add(option)
    }
  }
  if (v1.size > 0) return { mode: v2 ? 'hybrid' : 'legacy', controllers: [...v1].sort() }
  if (!v2) return { mode: 'none', controllers: [] }
  return { mode: 'unified', controllers: unifiedControllers.trim().split(/\s+/).filter(Boolean).sort() }
}

/** One row of /proc/self/limits. */
export const parseLimit = (limits: string, name: string): { soft: number | undefined; hard: number | undefined } => {
  const row = limits.split('\n').find(line => line.startsWith(name))
  const [soft, hard] = row?.slice(name.length).trim().split(/\s+/) ?? []
  const numberOf = (text: string | undefined) => (text === undefined || text === 'unlimited' ? undefined : Number(text))
  return { soft: numberOf(soft), hard: numberOf(hard) }
}

/** The first thing in a program's words that looks like a version. */
export const parseVersion = (text: string): string => text.match(/\d+\.\d+(?:\.\d+)?(?:[-+~.\w]*)/)?.[0] ?? 'unknown'

const outputOf = async (argv: readonly string[]): Promise<string | undefined> => {
  try {
    const { stdout, stderr } = await exec(argv, { signal: AbortSignal.timeout(5000) })
    return stdout || stderr
  } catch {
    return undefined
  }
}

/** A program on the PATH, and what it says its version is. */
export const readProgram = async (name: string, versionArgument = '--version'): Promise<Program | undefined> => {
  const path = findProgram(name)
  if (path === undefined) return undefined
  return { path, version: parseVersion((await outputOf([path, versionArgument])) ?? '') }
}

const findLibrary = (name: string): string | undefined => {
  const folders = ['/usr/lib', '/usr/lib64', '/lib', '/lib64', '/usr/local/lib']
  const triplets = folders.flatMap(folder => {
    try {
      return readdirSync(folder).flatMap(entry => (entry.endsWith('-linux-gnu') ? [join(folder, entry)] : []))
    } catch {
      return []
    }
  })
  return [...triplets, ...folders].map(folder => join(folder, name)).find(path => existsSync(path))
}

const hasOverlay = (): boolean => {
  if (/\toverlay$/m.test(readText('/proc/filesystems'))) return true
  const modules = join('/lib/modules', release())
  return ['modules.dep', 'modules.builtin'].some(file => /\/overlay\.ko/.test(readText(join(modules, file))))
}

/** statfs(2) magic numbers of the file systems that people keep containers on. */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  61267: 'ext4',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  801189825: 'zfs',
  4076150800: 'f2fs',
  16914836: 'tmpfs',
  2035054128: 'overlay',
  26985: 'nfs',
}

const readDataRoot = (path: string): HostFacts['dataRoot'] => {
  let there = path
  while (!existsSync(there) && there !== dirname(there)) there = dirname(there)
  const { type, bavail, blocks, bsize } = statfsSync(there)
  return {
    path,
    freeBytes: bavail * bsize,
    totalBytes: blocks * bsize,
    fileSystem: FILE_SYSTEMS[type] ?? `0x${type.toString(16)}`,
  }
}

const readForwardPolicy = async (): Promise<string | undefined> => {
  const iptables = findProgram('iptables')
  if (iptables === undefined) return undefined
  return (await outputOf([iptables, '-S', 'FORWARD']))?.match(/^-P FORWARD (\w+)/m)?.[1]
}

const ENGINES: readonly [name: string, socket: string, program: string][] = [
  ['docker', '/var/run/docker.sock', 'dockerd'],
  ['podman', '/run/podman/podman.sock', 'podman'],
  ['containerd', '/run/containerd/containerd.sock', 'containerd'],
]

/** Reads what this host offers. `dataRoot` need not exist yet. Takes some 30 ms, most of it asking programs their version. */
export const readHostFacts = async (dataRoot: string): Promise<HostFacts> => {
  const isRoot = process.geteuid?.() === 0
  const nftPath = findProgram('nft')
  const [runc, conmon, ip, nft, mmdebstrap, busybox, tables, forwardPolicy, handlers] = await Promise.all([
    readProgram('runc'),
    readProgram('conmon'),
    readProgram('ip', '-Version'),
    readProgram('nft'),
    readProgram('mmdebstrap'),
    readProgram('busybox', '--help'),
    isRoot && nftPath !== undefined ? outputOf([nftPath, 'list', 'tables']) : undefined,
    isRoot ? readForwardPolicy() : undefined,
    readHandlers(),
  ])
  const status = readText('/proc/self/status')
  const limits = readText('/proc/self/limits')
  return {
    kernel: release(),
    architecture: arch(),
    node: process.versions.node,
    cpus: cpus().length,
    memory: totalmem(),
    isRoot,
    capabilities: BigInt(`0x${status.match(/^CapEff:\s*([0-9a-f]+)/m)?.[1] ?? '0'}`),
    cgroups: parseCgroups(readText('/proc/self/mountinfo'), readText('/sys/fs/cgroup/cgroup.controllers')),
    emulated: handledArchitectures(handlers),
    overlay: hasOverlay(),
    dataRoot: readDataRoot(dataRoot),
    programs: { runc, conmon, ip, nft, mmdebstrap, busybox },
    libnftables: findLibrary('libnftables.so.1'),
    nftWorks: isRoot && nft !== undefined ? tables !== undefined : undefined,
    ipForward: readText('/proc/sys/net/ipv4/ip_forward').trim() === '1',
    forwardPolicy,
    nameservers: [...readText('/etc/resolv.conf').matchAll(/^nameserver\s+(\S+)/gm)].map(
      ([, address]) => address ?? '',
    ),
    openFiles: parseLimit(limits, 'Max open files'),
    processes: parseLimit(limits, 'Max processes'),
    userNamespaces: Number(readText('/proc/sys/user/max_user_namespaces') || 0),
    seccomp: /\berrno\b/.test(readText('/proc/sys/kernel/seccomp/actions_avail')),
    apparmor: readText('/sys/module/apparmor/parameters/enabled').startsWith('Y'),
    otherEngines: ENGINES.filter(([, socket, program]) => existsSync(socket) || findProgram(program)).map(
      ([name]) => name,
    ),
  }
}
