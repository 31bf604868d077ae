import { statSync } from 'node:fs'
import { requireRunnable } from '../runtime/emulation.ts'
import { resolveInside } from '../runtime/user.ts'
import type { Container } from './container.ts'

/** InvalidArgument when the container's programs are for a processor that is not here and cannot be emulated. `rootfs` is mounted. */
export const requireProcessor = async ({ record }: Container, rootfs: string): Promise<void> => {
  if (!record.platform) return
  await requireRunnable(record.platform, path => {
    if (record.mounts.some(({ Destination }) => path === Destination || path.startsWith(`${Destination}/`))) return true
    const inside = resolveInside(rootfs, path)
    return inside !== undefined && statSync(inside, { throwIfNoEntry: false }) !== undefined
  })
}
