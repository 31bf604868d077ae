import { messageOf } from '../errdefs.ts'
import { callRuntime, type OciRuntime } from '../runtime/oci-runtime.ts'
import type { Container } from './container.ts'
import { type Context, publish } from './context.ts'
import { requireAllowed } from './state.ts'

/** Recorded before it is so, and `thaw` after: whatever may be frozen can be thawed, also by a daemon that comes later. */
const freeze = async (context: Context, container: Container, runtime: OciRuntime): Promise<void> => {
  context.store.update(container, { status: 'paused' })
  try {
    await callRuntime(runtime, ['pause', container.id])
  } catch (error) {
    context.store.update(container, { status: 'running' })
    throw error
  }
}

const thaw = async (context: Context, container: Container, runtime: OciRuntime): Promise<void> => {
  try {
    await callRuntime(runtime, ['resume', container.id])
  } catch (error) {
    if (!/not paused/.test(messageOf(error))) throw error
  }
  context.store.update(container, { status: 'running' })
}

const toggle = async (context: Context, container: Container, verb: 'pause' | 'unpause'): Promise<void> => {
  using _ = await container.lock.acquire()
  requireAllowed(verb, container)
  const runtime = context.settings.runtime(
    container.record.hostConfig.Runtime || context.settings.config.defaultRuntime,
  )
  if (verb === 'pause') await freeze(context, container, runtime)
  else await thaw(context, container, runtime)
  publish(context, container, verb)
}

/** Freezes all processes of a container. Throws Conflict. */
export const pauseContainer = (context: Context, container: Container): Promise<void> =>
  toggle(context, container, 'pause')

export const unpauseContainer = (context: Context, container: Container): Promise<void> =>
  toggle(context, container, 'unpause')
