import { lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { isOpaque, isWhiteout } from '../storage/archive/whiteout.ts'

/** Where the engine's own files are mounted, or put, when an image does not have them; deepest first. */
const PLACES = [
  '.dockerenv', 'dev/console', 'dev/mqueue', 'dev/pts', 'dev/shm', 'etc/hostname', 'etc/hosts', 'etc/mtab',
  'etc/resolv.conf', 'sbin/docker-init', 'dev', 'etc', 'proc', 'sbin', 'sys',
] // biome-ignore format: a list
/** Nothing is mounted on these themselves: they are the engine's only where something of it is in them. */
const HOLDERS = ['etc', 'sbin']

const statOf = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false })

/**
 * What lies in a container's changes although nobody changed it: mount points that the image does not have, and directories
 * that are there only for their sake. No image is to have them. `upper` are the changes, `lowers` what is below, top first.
 */
export const madeByEngine = (upper: string, lowers: readonly string[]): string[] => {
  const made = new Set<string>()
  for (const place of PLACES) {
    const path = join(upper, place)
    const stat = statOf(path)
    if (stat === undefined) continue
    const isMade = stat.isDirectory()
      ? isMadeDirectory(place, path, stat, made, lowers)
      : stat.isSymbolicLink()
        ? place === 'etc/mtab' && readlinkSync(path) === '/proc/mounts'
        : stat.isFile() && stat.size === 0
    if (isMade) made.add(place)
  }
  return [...made]
}

const isMadeDirectory = (
  place: string,
  path: string,
  stat: Stats,
  made: ReadonlySet<string>,
  lowers: readonly string[],
): boolean => {
  const names = readdirSync(path)
  if (isOpaque(path) || !names.every(name => made.has(`${place}/${name}`))) return false
  if (names.length === 0 && HOLDERS.includes(place)) return false
  const below = findBelow(place, lowers)
  return below === undefined || (below.mode === stat.mode && below.uid === stat.uid && below.gid === stat.gid)
}

const findBelow = (place: string, lowers: readonly string[]): Stats | undefined => {
  const path = lowers.map(lower => join(lower, place)).find(candidate => statOf(candidate) !== undefined)
  return path === undefined || isWhiteout(path) ? undefined : statOf(path)
}
