import { callRuntime } from '../runtime/oci-runtime.ts'
import type { Container } from './container.ts'
import { type Context, publish } from './context.ts'
import { requireAllowed } from './state.ts'

const toggle = async (context: Context, container: Container, verb: 'pause' | 'unpause'): Promise<void> => {
  using _ = await container.lock.acquire()
  requireAllowed(verb, container)
  const runtime = context.settings.runtime(container.record.hostConfig.Runtime || context.settings.defaultRuntime)
  await callRuntime(runtime, [verb === 'pause' ? 'pause' : 'resume', container.id])
  context.store.update(container, { status: verb === 'pause' ? 'paused' : 'running' })
  publish(context, container, verb)
}

/** Freezes all processes of a container. Throws Conflict. */
export const pauseContainer = (context: Context, container: Container): Promise<void> =>
  toggle(context, container, 'pause')

export const unpauseContainer = (context: Context, container: Container): Promise<void> =>
  toggle(context, container, 'unpause')
