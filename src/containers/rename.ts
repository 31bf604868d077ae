import { invalidArgument } from '../errdefs.ts'
import type { Container } from './container.ts'
import { type Context, publish } from './context.ts'

/** Throws InvalidArgument, or Conflict when the name is taken. */
export const renameContainer = async (context: Context, container: Container, name: string): Promise<void> => {
  using _ = await container.lock.acquire()
  const wanted = name.replace(/^\//, '')
  if (wanted === '') throw invalidArgument('Neither old nor new names may be empty')
  if (wanted === container.name) throw invalidArgument('Renaming a container with the same name as its current name')
  using __ = context.store.reserve(wanted, container.id)
  const oldName = `/${container.name}`
  context.store.rename(container, wanted)
  publish(context, container, 'rename', { oldName })
}
