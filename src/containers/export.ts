import { randomBytes } from 'node:crypto'
import { mkdirSync, rmdirSync } from 'node:fs'
import { pipeline, type Readable, Transform } from 'node:stream'
import { codeOf, conflict } from '../errdefs.ts'
import { MNT, umount } from '../host/mount.ts'
import { pack } from '../storage/archive/pack.ts'
import type { Container } from './container.ts'
import { type Context, publish } from './context.ts'

/**
 * All files of a container as a tar, whether it runs or not; what is mounted in it is not among them. The stream must be
 * read to its end or destroyed. Throws Conflict.
 */
export const exportContainer = (context: Context, container: Container): Readable => {
  requireWhole(context, container)
  const { id } = container
  const root = `${context.settings.runDirectory}/export-${randomBytes(8).toString('hex')}`
  mkdirSync(root, { recursive: true, mode: 0o700 })
  const release = (): void => {
    // The archive thread may still have something of it open when nobody reads on.
    try {
      umount(root, MNT.DETACH)
    } catch (error) {
      if (codeOf(error) !== 'EINVAL') throw error
    }
    rmdirSync(root)
  }
  try {
    context.snapshotter.view(id, root)
  } catch (error) {
    release()
    throw error
  }
  const whole = new Transform({
    readableHighWaterMark: 1 << 20,
    transform: (chunk, _, done) => done(null, chunk),
    flush: done => {
      try {
        // Removed meanwhile, it may have been read when half of it was gone.
        requireWhole(context, container)
        done()
      } catch (error) {
        done(error as Error)
      }
    },
  })
  pipeline(pack(root, { format: 'layer' }).tar, whole, error => {
    release()
    if (!error) publish(context, container, 'export')
  })
  return whole
}

const requireWhole = (context: Context, { id, life }: Container): void => {
  if (life.status === 'dead') throw conflict(`You cannot export container ${id} which is Dead`)
  if (life.status === 'removing' || !context.store.find(id))
    throw conflict(`You cannot export container ${id} which is being removed`)
}
