import type { BuildEvent } from '../../api/build.ts'
import { humanSize } from '../format/units.ts'
import type { BuildProgress, Vertex } from './build-progress.ts'
import type { Display } from './display.ts'
import type { BuildContext } from './open-context.ts'
import type { SessionEvents } from './run-session.ts'
import type { ContextEvents } from './serve-context.ts'
import { sessionWords } from './session-words.ts'

/** Tells the display of a build session: what the daemon tells, and what we do beside it. */
export class SessionStory implements SessionEvents {
  readonly #progress: BuildProgress
  readonly #display: Display
  readonly #dockerfile: BuildContext['dockerfile']
  #begun = false

  constructor(progress: BuildProgress, display: Display, dockerfile: BuildContext['dockerfile']) {
    this.#progress = progress
    this.#display = display
    this.#dockerfile = dockerfile
  }

  event(event: BuildEvent): void {
    this.#begin()
    const told =
      event.type === 'completed' && event.error !== undefined ? { ...event, error: sessionWords(event.error) } : event
    for (const change of this.#progress.apply(told)) this.#display.show(change)
  }

  context(name: string): ContextEvents {
    this.#begin()
    const title = name === '' ? '[internal] load build context' : `[context ${name}] load from client`
    let vertex: Vertex | undefined = this.#start(title)
    let before = 0
    let bytes = 0
    return {
      sent: total => {
        bytes = total
      },
      settled: () => {
        // Files that come to be wanted later are another step.
        if (vertex === undefined && bytes === before) return
        vertex ??= this.#start(title)
        this.#display.note(vertex, `transferring context: ${humanSize(bytes - before, 3)} done`)
        this.#finish(vertex)
        before = bytes
        vertex = undefined
      },
    }
  }

  suspend(): () => void {
    return this.#display.suspend()
  }

  /** The build has ended; `named`: it gave an image. */
  close(named: boolean): void {
    const { image } = this.#progress
    if (!named || image === undefined) return
    const vertex = this.#start('exporting to image')
    this.#display.note(vertex, `writing image ${image.id} done`)
    for (const tag of image.tags) this.#display.note(vertex, `naming to ${tag} done`)
    this.#finish(vertex)
  }

  /** The Dockerfile has travelled with the first message. */
  #begin(): void {
    if (this.#begun) return
    this.#begun = true
    const { text, shownName } = this.#dockerfile
    if (text === undefined) return
    const vertex = this.#start(`[internal] load build definition from ${shownName}`)
    this.#display.note(vertex, `transferring dockerfile: ${humanSize(Buffer.byteLength(text), 3)} done`)
    this.#finish(vertex)
  }

  #start(name: string): Vertex {
    const vertex = this.#progress.own(name)
    this.#display.show({ type: 'started', vertex })
    return vertex
  }

  #finish(vertex: Vertex): void {
    this.#progress.finish(vertex)
    this.#display.show({ type: 'completed', vertex })
  }
}
