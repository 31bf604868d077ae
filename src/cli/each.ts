import { describe, Failure } from './failure.ts'

/**
 * Does something to each of the named objects, a few at a time, and tells of each in the order they were named.
 * What fails does not keep the others from being done; all failures are shown at the end, and the exit code is 1.
 */
export const each = async (
  names: readonly string[],
  action: (name: string) => Promise<void>,
  done: (name: string) => void,
): Promise<number> => {
  const WIDTH = 50
  const outcomes: Promise<unknown>[] = []
  const failures: string[] = []
  const start = (i: number): void => {
    const name = names[i]
    if (name !== undefined)
      outcomes[i] = action(name).then(
        () => undefined,
        (error: unknown) => error,
      )
  }
  for (let i = 0; i < WIDTH; i++) start(i)
  for (const [i, name] of names.entries()) {
    const error = await outcomes[i]
    start(i + WIDTH)
    if (error === undefined) done(name)
    else failures.push(describe(error))
  }
  if (failures.length > 0) throw new Failure(1, failures.join('\n'))
  return 0
}
