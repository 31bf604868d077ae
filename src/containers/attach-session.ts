import type { Listener, Output, Stdio } from '../runtime/stdio.ts'
import { DetachScanner } from './detach-keys.ts'

/** One client's connection to a process. */
export type AttachSession = {
  readonly tty: boolean
  /** Ends with the process's output, or when the client detaches. */
  readonly output: AsyncIterable<Output>
  /** Resolves when the process's side has taken it. */
  write(chunk: Buffer): Promise<void>
  /** The client has no more input. */
  closeInput(): void
  /** The client is gone; the process goes on. */
  detach(): void
}

export type SessionOptions = {
  readonly tty: boolean
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  /** The end of the client's input is the end of the process's. */
  readonly closesInput: boolean
  /** Key sequence that detaches; empty for none. */
  readonly detachKeys: readonly number[]
  /** Output from before, to be seen first. */
  readonly earlier?: AsyncIterable<Output> | undefined
  readonly onDetach?: (() => void) | undefined
  /** The end of the process's output is told no sooner than this resolves. */
  readonly heldUntil?: Promise<unknown> | undefined
}

/** Output that waits for its client, above which the process has to wait too. Bytes. */
const LIMIT = 1024 * 1024

/** Connects a client to a process's stdio. From this call on no output is missed. */
export const openSession = (stdio: Stdio, options: SessionOptions): AttachSession => {
  const queue: Output[] = []
  let queued = 0
  let ended = false
  let wake: (() => void) | undefined
  const scanner = new DetachScanner(options.tty ? options.detachKeys : [])
  const finish = (): void => {
    ended = true
    wake?.()
  }
  const listener: Listener = {
    onOutput(output) {
      const wanted = output.stream === 'stdout' ? options.stdout : options.stderr
      if (!wanted) return true
      queue.push(output)
      queued += output.data.length
      wake?.()
      return queued < LIMIT
    },
    onEnd() {
      void Promise.resolve(options.heldUntil).then(finish)
    },
  }
  stdio.add(listener)

  const detach = (): void => {
    stdio.remove(listener)
    finish()
  }

  const output = async function* (): AsyncGenerator<Output> {
    try {
      if (options.earlier) yield* options.earlier
      for (;;) {
        const next = queue.shift()
        if (next) {
          queued -= next.data.length
          if (queued < LIMIT / 2) stdio.resume(listener)
          yield next
        } else if (ended) {
          return
        } else {
          await new Promise<void>(resolve => {
            wake = resolve
          })
          wake = undefined
        }
      }
    } finally {
      stdio.remove(listener)
    }
  }

  return {
    tty: options.tty,
    output: output(),
    async write(chunk) {
      if (!options.stdin || ended) return
      const { data, detached } = scanner.scan(chunk)
      if (data.length > 0) await stdio.write(data)
      if (!detached) return
      detach()
      options.onDetach?.()
    },
    closeInput() {
      if (options.stdin && options.closesInput) stdio.closeInput()
    },
    detach,
  }
}
