import { readFileSync } from 'node:fs'

/** The first three numbers of the networks that this host has routes to: `10.210.4`. */
const routed = (): Set<string> => {
  const prefixes = new Set<string>()
  for (const line of readFileSync('/proc/net/route', 'utf8').split('\n').slice(1)) {
    const destination = line.split('\t')[1]
    if (destination === undefined) continue
    const bytes = Buffer.from(destination, 'hex').reverse()
    prefixes.add(`${bytes[0]}.${bytes[1]}.${bytes[2]}`)
  }
  return prefixes
}

/**
 * Two /24 that nothing here uses, one for a daemon's bridge and one for the networks that users make. Drawn by chance from
 * 25,600, since test files run side by side and know nothing of each other.
 */
export const freeSubnets = (): { bridge: string; pool: string } => {
  const taken = routed()
  for (;;) {
    const [second, third] = [100 + Math.floor(Math.random() * 100), Math.floor(Math.random() * 256)]
    const bridge = `10.${second}.${third}`
    const pool = `10.${second}.${third ^ 1}`
    if (!taken.has(bridge) && !taken.has(pool)) return { bridge, pool }
  }
}
