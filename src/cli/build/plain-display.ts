import type { Output } from '../output.ts'
import type { BuildProgress, Progress, Vertex } from './build-progress.ts'
import type { Display } from './display.ts'

/** Lines as they come, each with the number of its step: for logs and for people who pipe. */
export class PlainDisplay implements Display {
  readonly #progress: BuildProgress
  readonly #output: Output
  #current: Vertex | undefined
  /** A step has failed: should another have its say, an empty line comes before it. */
  #gap = false
  #closed = false

  constructor(progress: BuildProgress, output: Output) {
    this.#progress = progress
    this.#output = output
  }

  show(change: Progress): void {
    const { vertex } = change
    // One that starts beside another is named when it has something to say.
    if (change.type === 'started') {
      if (this.#current === undefined) this.#turnTo(vertex)
      return
    }
    this.#turnTo(vertex)
    if (change.type === 'line') {
      this.#output.line(`#${vertex.number} ${this.#progress.age(vertex).toFixed(3)} ${change.text}`)
    } else {
      this.#output.write(`#${vertex.number} ${outcome(vertex)}\n${vertex.error === undefined ? '\n' : ''}`)
      this.#current = undefined
      this.#gap = vertex.error !== undefined
    }
  }

  note(vertex: Vertex, text: string): void {
    this.#turnTo(vertex)
    this.#output.line(`#${vertex.number} ${text}`)
  }

  suspend(): () => void {
    return () => undefined
  }

  close(): void {
    const { vertices } = this.#progress
    // What a failure elsewhere has stopped.
    if (!this.#closed && vertices.some(({ error }) => error !== undefined)) {
      for (const vertex of vertices) {
        if (vertex.started === undefined || vertex.milliseconds !== undefined) continue
        this.#turnTo(vertex)
        this.#output.line(`#${vertex.number} CANCELED`)
        this.#current = undefined
        this.#gap = true
      }
    }
    this.#closed = true
    this.#current = undefined
  }

  /** Steps that run side by side take turns; `...` marks one that is left unfinished. */
  #turnTo(vertex: Vertex): void {
    if (this.#current === vertex) return
    if (this.#current) this.#output.write(`#${this.#current.number} ...\n\n`)
    if (this.#gap) this.#output.write('\n')
    this.#gap = false
    this.#current = vertex
    this.#output.line(`#${vertex.number} ${vertex.name}`)
  }
}

const outcome = ({ cached, error, milliseconds }: Vertex): string => {
  if (error !== undefined) return `ERROR: ${error}`
  return cached ? 'CACHED' : `DONE ${((milliseconds ?? 0) / 1000).toFixed(1)}s`
}
