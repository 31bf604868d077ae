import type { RestartPolicy } from '../api/container.ts'
import { invalidArgument } from '../errdefs.ts'
import type { Lifecycle } from './container.ts'

const POLICIES = ['', 'no', 'always', 'on-failure', 'unless-stopped']

/** Throws InvalidArgument in Docker's words. */
export const checkRestartPolicy = ({ Name = '', MaximumRetryCount = 0 }: RestartPolicy = {}): void => {
  const invalid = (reason: string): Error => invalidArgument(`invalid restart policy: ${reason}`)
  if (!POLICIES.includes(Name)) {
    throw invalid(`unknown policy '${Name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`)
  }
  if (Name !== 'on-failure' && MaximumRetryCount !== 0)
    throw invalid("maximum retry count can only be used with 'on-failure'")
  if (MaximumRetryCount < 0) throw invalid('maximum retry count cannot be negative')
}

const FIRST = 100
const LONGEST = 60_000
/** A process that ran this long is taken to have worked: the next wait is the first one again. */
const WORKED = 10_000

/**
 * Milliseconds until the policy starts a container again; undefined when it does not. Waits double, as Docker's do.
 * `ran` is how long the process lived, in milliseconds.
 */
export const restartDelay = (
  policy: RestartPolicy | undefined,
  life: Pick<Lifecycle, 'stoppedByUser' | 'restartCount'>,
  exitCode: number,
  ran: number,
): number | undefined => {
  if (life.stoppedByUser) return undefined
  const { Name = 'no', MaximumRetryCount = 0 } = policy ?? {}
  const wanted =
    Name === 'always' ||
    Name === 'unless-stopped' ||
    (Name === 'on-failure' && exitCode !== 0 && (MaximumRetryCount === 0 || life.restartCount < MaximumRetryCount))
  if (!wanted) return undefined
  return ran >= WORKED ? FIRST : Math.min(FIRST * 2 ** life.restartCount, LONGEST)
}
