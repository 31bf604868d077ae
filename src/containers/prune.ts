import type { ContainerPruneResponse } from '../api/container.ts'
import { invalidArgument } from '../errdefs.ts'
import type { Context } from './context.ts'
import { type Filters, labelMatches } from './list.ts'
import { removeLocked } from './remove.ts'

const KNOWN = ['label', 'label!', 'until']
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A point in time, milliseconds since the epoch, from `10m`, `1h30m`, a Unix time or RFC 3339. Throws InvalidArgument. */
const parseUntil = (text: string, now: number): number => {
  if (/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) {
    let span = 0
    for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g))
      span += Number(count) * (UNITS[unit ?? ''] ?? 0)
    return now - span
  }
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw invalidArgument(`failed to parse value as time or duration: "${text}"`)
  return time
}

/** Removes all containers that do not run and that the filters name. */
export const pruneContainers = async (context: Context, filters: Filters): Promise<ContainerPruneResponse> => {
  for (const name of Object.keys(filters)) if (!KNOWN.includes(name)) throw invalidArgument(`invalid filter '${name}'`)
  if ((filters.until ?? []).length > 1) throw invalidArgument('more than one until filter specified')
  const until = (filters.until ?? []).map(text => parseUntil(text, Date.now()))
  const deleted: string[] = []
  let reclaimed = 0
  for (const container of context.store.all()) {
    const labels = container.record.config.Labels ?? {}
    if (!(filters.label ?? []).every(value => labelMatches(labels, value))) continue
    if ((filters['label!'] ?? []).some(value => labelMatches(labels, value))) continue
    if (until.some(limit => Date.parse(container.record.created) > limit)) continue
    using _ = await container.lock.acquire()
    if (!['created', 'exited', 'dead'].includes(container.life.status)) continue
    reclaimed += await context.snapshotter.usage(container.id)
    await removeLocked(context, container, { removeVolumes: false })
    deleted.push(container.id)
  }
  context.events.publish('container', 'prune', '', { reclaimed: String(reclaimed) })
  return { ContainersDeleted: deleted, SpaceReclaimed: reclaimed }
}
