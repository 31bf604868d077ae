import type { ExecCreateRequest } from '../api/container.ts'
import { notFound } from '../errdefs.ts'
import type { Container } from './container.ts'

/** A process that is run in a container beside its own. It lives in memory: it ends with the container, and a new daemon does not know it. */
export type Exec = {
  readonly id: string
  readonly container: Container
  readonly request: ExecCreateRequest
  state: 'created' | 'running' | 'exited'
  pid: number
  exitCode: number | null
  /** Resolves when its process runs, or never will. */
  readonly started: PromiseWithResolvers<void>
}

/** Finished ones of a container that are kept for those who ask; the oldest go first. */
const KEPT = 32

/** All execs, by id and by container. */
export class ExecTable {
  readonly #execs = new Map<string, Exec>()

  add(exec: Exec): void {
    const finished = this.of(exec.container).filter(known => known.state === 'exited')
    for (const old of finished.slice(0, Math.max(0, finished.length - KEPT))) this.#execs.delete(old.id)
    this.#execs.set(exec.id, exec)
  }

  /** Throws NotFound. */
  get(id: string): Exec {
    const exec = this.#execs.get(id)
    if (!exec) throw notFound(`No such exec instance: ${id}`)
    return exec
  }

  /** A container's, oldest first. */
  of(container: Container): Exec[] {
    return [...this.#execs.values()].filter(exec => exec.container === container)
  }

  forget(container: Container): void {
    for (const exec of this.of(container)) this.#execs.delete(exec.id)
  }
}
