import type { ContainerWaitResponse, WaitCondition } from '../api/container.ts'
import type { Container, ContainerSignal } from './container.ts'

/** Resolves with the first of these signals that comes from now on. Rejects when `abort` does. */
export const nextSignal = (
  container: Container,
  wanted: readonly ContainerSignal[],
  abort?: AbortSignal,
): Promise<ContainerSignal> =>
  new Promise((resolve, reject) => {
    const finish = (): void => {
      watching[Symbol.dispose]()
      abort?.removeEventListener('abort', aborted)
    }
    const aborted = (): void => {
      finish()
      reject(abort?.reason)
    }
    const watching = container.watch(signal => {
      if (!wanted.includes(signal)) return
      finish()
      resolve(signal)
    })
    abort?.addEventListener('abort', aborted, { once: true })
  })

/** A start that failed is told by the start; here it is an exit code like any other. */
const outcome = ({ life }: Container): ContainerWaitResponse => ({ StatusCode: life.exitCode })

/** Waits until a container has ended (again), or is gone, and tells how its process ended. */
export const waitContainer = async (
  container: Container,
  condition: WaitCondition,
  abort?: AbortSignal,
): Promise<ContainerWaitResponse> => {
  const ended = !container.running && container.life.status !== 'restarting'
  if (condition === 'not-running' && ended) return outcome(container)
  await nextSignal(container, condition === 'removed' ? ['removed'] : ['exited', 'removed'], abort)
  return outcome(container)
}
