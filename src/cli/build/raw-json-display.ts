import { createHash } from 'node:crypto'
import type { Output } from '../output.ts'
import type { BuildProgress, Progress, Vertex } from './build-progress.ts'
import type { Display } from './display.ts'

/** One line of JSON for each thing that happens, as `docker buildx build --progress rawjson` tells it. */
export class RawJsonDisplay implements Display {
  readonly #output: Output
  readonly #begun = Date.now()
  readonly #clock: BuildProgress
  readonly #known = new WeakMap<Vertex, string>()

  constructor(progress: BuildProgress, output: Output) {
    this.#clock = progress
    this.#output = output
  }

  show(change: Progress): void {
    const { vertex } = change
    if (change.type === 'line')
      return this.#line({
        logs: [
          {
            vertex: this.#digest(vertex),
            stream: 1,
            data: Buffer.from(`${change.text}\n`).toString('base64'),
            timestamp: new Date().toISOString(),
          },
        ],
      })
    const { name, cached, error } = vertex
    this.#line({
      vertexes: [
        {
          digest: this.#digest(vertex),
          name,
          started: this.#time(vertex.started),
          completed: vertex.milliseconds === undefined ? undefined : new Date().toISOString(),
          cached: cached || undefined,
          error,
        },
      ],
    })
  }

  note(vertex: Vertex, text: string): void {
    const timestamp = new Date().toISOString()
    const id = text.replace(/ done$/, '')
    this.#line({
      statuses: [{ id, vertex: this.#digest(vertex), current: 0, timestamp, started: timestamp, completed: timestamp }],
    })
  }

  suspend(): () => void {
    return () => undefined
  }

  close(): void {
    // Every line has been written as it came.
  }

  /** A name for the vertex that stays the same for the build. */
  #digest(vertex: Vertex): string {
    let digest = this.#known.get(vertex)
    if (digest === undefined) {
      digest = `sha256:${createHash('sha256').update(`${this.#begun} ${vertex.number} ${vertex.name}`).digest('hex')}`
      this.#known.set(vertex, digest)
    }
    return digest
  }

  #time(at: number | undefined): string | undefined {
    return at === undefined ? undefined : new Date(this.#begun + at - this.#clock.begun).toISOString()
  }

  #line(value: object): void {
    this.#output.line(JSON.stringify(value))
  }
}
