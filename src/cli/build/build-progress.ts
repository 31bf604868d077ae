import type { BuildEvent } from '../../api/build.ts'
import type { JsonMessage } from '../../api/image.ts'

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
  /** The parts of its base image that are under way, by the name that the daemon gives them. */
  readonly pulling: Map<string, Part>
}

/** One part of a base image on its way. Bytes, where they are known. */
export type Part = {
  readonly status: string
  readonly current: number | undefined
  readonly total: number | undefined
}

const KEPT_LINES = 10
/** After these nothing more happens to a part. */
const SETTLED = ['Pull complete', 'Already exists']

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
      case 'pull':
        return this.#pull(vertex, event.message)
      case 'completed': {
        const last = vertex.rest === '' ? [] : this.#log(vertex, '\n')
        vertex.started ??= this.#now()
        vertex.milliseconds = event.milliseconds
        vertex.cached = event.cached
        vertex.error = event.error
        vertex.pulling.clear()
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
      pulling: new Map(),
    }
    this.vertices.push(vertex)
    return vertex
  }

  /** Each state of each part is a line; how far it has come is not. */
  #pull(vertex: Vertex, { id, status = '', progressDetail }: JsonMessage): Progress[] {
    const text = id === undefined ? status : `${id}: ${status}`
    // What concerns the whole carries no progress, not even an empty one.
    if (id === undefined || progressDetail === undefined) return [{ type: 'line', vertex, text }]
    const before = vertex.pulling.get(id)
    if (SETTLED.includes(status)) vertex.pulling.delete(id)
    else vertex.pulling.set(id, { status, current: progressDetail.current, total: progressDetail.total })
    return before?.status === status ? [] : [{ type: 'line', vertex, text }]
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
