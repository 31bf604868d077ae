import { readFileSync } from 'node:fs'
import koffi from 'koffi'
import { check, cString, libc, SyscallError } from './libc.ts'

const mountCall = libc.func(
  'int mount(const void *source, const void *target, const void *type, unsigned long flags, const void *data)',
)
const umountCall = libc.func('int umount2(const void *target, int flags)')

/** mount(2) flags. */
export const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  REMOUNT: 32,
  BIND: 4096,
  REC: 16384,
  UNBINDABLE: 1 << 17,
  PRIVATE: 1 << 18,
  SLAVE: 1 << 19,
  SHARED: 1 << 20,
} as const

/** umount2(2) flags. */
export const MNT = { FORCE: 1, DETACH: 2 } as const

/** mount(2). `data` is at most one page. Throws SyscallError. */
export const mount = (source: string, target: string, type: string, flags = 0, data = ''): void => {
  check(
    mountCall(cString(source), cString(target), cString(type), flags, cString(data)),
    `mount ${type || 'bind'}`,
    target,
  )
}

/** umount2(2). Throws SyscallError. */
export const umount = (target: string, flags = 0): void => {
  check(umountCall(cString(target), flags), 'umount', target)
}

/** umount2(2) on another thread: the last unmount of a file system waits for its disk. */
export const umountAsync = (target: string, flags = 0): Promise<void> =>
  new Promise((resolve, reject) => {
    umountCall.async(cString(target), flags, (error: Error | null, result: number) => {
      if (error) reject(error)
      else if (result < 0) reject(new SyscallError('umount', koffi.errno(), target))
      else resolve()
    })
  })

/**
 * What the overlays that are mounted below these directories have as their lower directories, as they were named: relative to the
 * mounter's directory, so those of another engine have the same names.
 */
export const overlayFolders = (directories: readonly string[]): Set<string> => {
  const found = new Set<string>()
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const point = mountPoint(line)
    if (!directories.some(directory => point?.startsWith(`${directory}/`))) continue
    const [type, , options = ''] = line.slice(line.indexOf(' - ') + 3).split(' ')
    if (type !== 'overlay') continue
    const lower = options.split(',').find(option => option.startsWith('lowerdir='))
    for (const folder of lower?.slice('lowerdir='.length).split(':') ?? []) found.add(folder)
  }
  return found
}

/** Of a line of mountinfo. */
const mountPoint = (line: string): string | undefined =>
  line.split(' ')[4]?.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/** Mount points of this mount namespace at or below `directory`, deepest first. */
export const mountsBelow = (directory: string): string[] => {
  const found: string[] = []
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const point = mountPoint(line)
    if (point === undefined) continue
    if (point === directory || point.startsWith(`${directory}/`)) found.push(point)
  }
  return found.reverse()
}
