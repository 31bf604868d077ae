import { existsSync, readFileSync } from 'node:fs'
import type { Container } from './container.ts'
import { bundleDirectory, type Context } from './context.ts'

/** Whether the process of this container lives: not one that got its number later, since the cgroup bears the container's id. */
export const isAlive = (context: Context, { id, life }: Container): boolean => {
  if (!existsSync(bundleDirectory(context, id))) return false
  try {
    return readFileSync(`/proc/${life.pid}/cgroup`, 'utf8').includes(id)
  } catch {
    return false
  }
}
