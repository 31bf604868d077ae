import type { BuildEvent } from '../../api/build.ts'

/** One line of the display: a step of the build, or something that we do beside it. */
export type Vertex = {
  readonly number: number
  readonly name: string
  /** First line of its instruction in the Dockerfile, from 1; 0: none. */
  readonly line: number
  /** Milliseconds, of the clock that `BuildProgress` was given. */
  started: number | undefined
  milliseconds: number | undefined
  cached: boolean
  error: string | undefined
  /** The last lines of output, the newest last. */
  readonly lines: string[]
  rest: string
}

const KEPT_LINES = 10

/** What the renderers are told, after the state has taken it in. */
export type Progress =
  | { readonly type: 'started' | 'completed'; readonly vertex: Vertex }
  | { readonly type: 'line'; readonly vertex: Vertex; readonly text: string }

/** The state of a build as its events tell it; pure but for the clock. */
export class BuildProgress {
  readonly #now: () => number
  readonly #steps = new Map<number, Vertex>()
  readonly vertices: Vertex[] = []
  readonly warnings: { message: string; line: number | undefined }[] = []
  readonly begun: number
  image: { id: string; tags: readonly string[] } | undefined

  constructor(now: () => number) {
    this.#now = now
    this.begun = now()
  }

  /** A step of ours (sending the context, naming the image), already running. */
  own(name: string): Vertex {
    const vertex = this.#add(name, 0)
    vertex.started = this.#now()
    return vertex
  }

  finish(vertex: Vertex, error?: string): void {
    vertex.milliseconds = this.#now() - (vertex.started ?? this.#now())
    vertex.error = error
  }

  apply(event: BuildEvent): Progress[] {
    switch (event.type) {
      case 'vertex':
        this.#steps.set(event.vertex, this.#add(event.name, event.line))
        return []
      case 'warning':
        this.warnings.push({ message: event.message, line: event.line })
        return []
      case 'image':
        this.image = { id: event.id, tags: event.tags }
        return []
    }
    const vertex = this.#steps.get(event.vertex)
    if (!vertex) return []
    switch (event.type) {
      case 'started':
        vertex.started = this.#now()
        return [{ type: 'started', vertex }]
      case 'log':
        return this.#log(vertex, event.data)
      case 'completed': {
        const last = vertex.rest === '' ? [] : this.#log(vertex, '\n')
        vertex.started ??= this.#now()
        vertex.milliseconds = event.milliseconds
        vertex.cached = event.cached
        vertex.error = event.error
        return [...last, { type: 'completed', vertex }]
      }
    }
  }

  /** Seconds since the vertex started, for the stamps of its lines. */
  age(vertex: Vertex): number {
    return (this.#now() - (vertex.started ?? this.#now())) / 1000
  }

  get elapsed(): number {
    return (this.#now() - this.begun) / 1000
  }

  #add(name: string, line: number): Vertex {
    const vertex: Vertex = {
      number: this.vertices.length + 1,
      name,
      line,
      started: undefined,
      milliseconds: undefined,
      cached: false,
      error: undefined,
      lines: [],
      rest: '',
    }
    this.vertices.push(vertex)
    return vertex
  }

  /** Output comes in pieces; lines are what is shown. A carriage return starts the line anew, as a terminal would. */
  #log(vertex: Vertex, data: string): Progress[] {
    const pieces = (vertex.rest + data).replaceAll('\r\n', '\n').split('\n')
    vertex.rest = pieces.pop() ?? ''
    return pieces.map(piece => {
      const text = piece.slice(piece.lastIndexOf('\r', piece.length - 2) + 1).replace(/\r$/, '')
      vertex.lines.push(text)
      if (vertex.lines.length > KEPT_LINES) vertex.lines.shift()
      return { type: 'line', vertex, text }
    })
  }
}
