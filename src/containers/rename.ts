import { invalidArgument, notFound, prefixed } from '../errdefs.ts'
import type { Container } from './container.ts'
import { type Context, publish } from './context.ts'

const reserve = (context: Context, name: string, id: string): Disposable => {
  try {
    return context.store.reserve(name, id)
  } catch (error) {
    throw prefixed('Error when allocating new name: ', error)
  }
}

/** Throws InvalidArgument, or Conflict when the name is taken. */
export const renameContainer = async (context: Context, container: Container, name: string): Promise<void> => {
  using _ = await container.lock.acquire()
  // It may have gone while this call waited, and must not keep a name.
  if (context.store.find(container.id) !== container) throw notFound(`No such container: ${container.id}`)
  const wanted = name.replace(/^\//, '')
  if (name === '') throw invalidArgument('Neither old nor new names may be empty')
  if (wanted === container.name) throw invalidArgument('Renaming a container with the same name as its current name')
  using __ = reserve(context, `/${wanted}`, container.id)
  const oldName = `/${container.name}`
  context.store.rename(container, wanted)
  publish(context, container, 'rename', { oldName })
}
