import { readFileSync } from 'node:fs'
import { invalidArgument } from '../errdefs.ts'

/** Every capability, by number. capabilities(7) */
const ALL = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
  'PERFMON',
  'BPF',
  'CHECKPOINT_RESTORE',
].map(name => `CAP_${name}`)

/** What a container has unless told otherwise: Docker's set. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FSETID',
  'FOWNER',
  'MKNOD',
  'NET_RAW',
  'SETGID',
  'SETUID',
  'SETFCAP',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'SYS_CHROOT',
  'KILL',
  'AUDIT_WRITE',
].map(name => `CAP_${name}`)

let available: ReadonlySet<string> | undefined

/** What this daemon may give: its own bounding set. */
export const availableCapabilities = (): ReadonlySet<string> => {
  if (available) return available
  const hexadecimal = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  const bits = BigInt(`0x${hexadecimal}`)
  available = new Set(ALL.filter((_, number) => (bits >> BigInt(number)) & 1n))
  return available
}

const normalise = (name: string, list: 'CapAdd' | 'CapDrop'): string => {
  const upper = name.toUpperCase()
  if (upper === 'ALL') return upper
  const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`
  if (!ALL.includes(full)) throw invalidArgument(`invalid ${list}: unknown capability: "${full}"`)
  return full
}

/** The set that `--privileged`, `--cap-add` and `--cap-drop` make, limited to what `available` allows for wholesale grants. */
export const capabilitiesFor = (
  options: {
    readonly privileged?: boolean | undefined
    readonly add?: readonly string[] | null | undefined
    readonly drop?: readonly string[] | null | undefined
  },
  available: ReadonlySet<string>,
): readonly string[] => {
  const add = (options.add ?? []).map(name => normalise(name, 'CapAdd'))
  const drop = (options.drop ?? []).map(name => normalise(name, 'CapDrop'))
  const everything = ALL.filter(name => available.has(name))
  if (options.privileged) return everything
  const base = add.includes('ALL')
    ? everything
    : drop.includes('ALL')
      ? []
      : DEFAULT_CAPABILITIES.filter(name => available.has(name))
  const dropped = new Set(drop)
  const wanted = new Set([...base.filter(name => !dropped.has(name)), ...add.filter(name => name !== 'ALL')])
  return ALL.filter(name => wanted.has(name))
}
