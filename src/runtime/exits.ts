import { type FSWatcher, mkdirSync, readFileSync, rmSync, statSync, watch } from 'node:fs'
import { join } from 'node:path'
import { codeOf } from '../errdefs.ts'

export type Exit = {
  /** 0 to 255; 128 and the signal when one ended it. */
  readonly exitCode: number
  readonly finishedAt: Date
}

/** The exit codes that conmon leaves in a directory, one file a container, whether or not anybody watches. */
export class Exits implements Disposable {
  readonly directory: string
  readonly #watcher: FSWatcher
  readonly #waiting = new Map<string, (exit: Exit) => void>()

  constructor(directory: string) {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    this.directory = directory
    this.#watcher = watch(directory, (_, name) => {
      if (name !== null) this.#look(name)
    })
  }

  /** Calls `listener` once, when the container's process has ended; at once (in this turn) when it already has. */
  onExit(id: string, listener: (exit: Exit) => void): void {
    this.#waiting.set(id, listener)
    this.#look(id)
  }

  /** The exit that is on file, if any. */
  read(id: string): Exit | undefined {
    const path = join(this.directory, id)
    try {
      const text = readFileSync(path, 'utf8')
      return text === '' ? undefined : { exitCode: Number.parseInt(text, 10), finishedAt: statSync(path).mtime }
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      throw error
    }
  }

  /** Forgets an exit that has been recorded elsewhere. */
  forget(id: string): void {
    this.#waiting.delete(id)
    rmSync(join(this.directory, id), { force: true })
  }

  [Symbol.dispose](): void {
    this.#watcher.close()
    this.#waiting.clear()
  }

  #look(id: string): void {
    const listener = this.#waiting.get(id)
    if (!listener) return
    const exit = this.read(id)
    if (!exit) return
    this.#waiting.delete(id)
    listener(exit)
  }
}
