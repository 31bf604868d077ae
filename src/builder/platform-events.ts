import type { BuildEvent } from '../api/build.ts'
import { formatPlatform, type Platform } from '../oci/platform.ts'
import type { Plan } from './solver/plan.ts'

/** The events of several plans, one for each platform, as those of one build: each has numbers of its own. */
export class PlatformEvents {
  readonly #onEvent: (event: BuildEvent) => void
  #next = 0

  constructor(onEvent: (event: BuildEvent) => void) {
    this.#onEvent = onEvent
  }

  /** Tells a plan's steps, all before the first begins; gives where their events go. `named`: there are other platforms, too. */
  announce(plan: Plan, platform: Platform | undefined, named: boolean): (event: BuildEvent) => void {
    const first = this.#next
    this.#next += plan.vertices.length
    const label = named && platform ? `[${formatPlatform(platform)} ` : '['
    for (const [vertex, facts] of plan.vertices.entries()) {
      const name = facts.name.replace(/^\[/, label)
      this.#onEvent({ type: 'vertex', vertex: first + vertex, ...facts, name })
    }
    return event => this.#onEvent('vertex' in event ? { ...event, vertex: first + event.vertex } : event)
  }
}
