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
/** Those of a running container that were made and never started; the oldest go first. */
const WAITING = 1024

/** All execs, by id and by container. */
export class ExecTable {
  readonly #execs = new Map<string, Exec>()

  add(exec: Exec): void {
    const known = this.of(exec.container)
    this.#trim(known, 'exited', KEPT)
    this.#trim(known, 'created', WAITING)
    this.#execs.set(exec.id, exec)
  }

  #trim(known: readonly Exec[], state: Exec['state'], kept: number): void {
    const those = known.filter(exec => exec.state === state)
    for (const old of those.slice(0, Math.max(0, those.length - kept))) this.#execs.delete(old.id)
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

  /** Its process has ended: what was not started by now never will be. */
  forgetWaiting(container: Container): void {
    for (const exec of this.of(container)) if (exec.state === 'created') this.#execs.delete(exec.id)
  }

  forget(container: Container): void {
    for (const exec of this.of(container)) this.#execs.delete(exec.id)
  }
}
