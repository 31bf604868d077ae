import type { ImageGcConfig } from '../config.ts'
import { messageOf } from '../errdefs.ts'
import type { Events } from '../events.ts'
import type { Logger } from '../log.ts'
import type { ImageUpkeep } from './upkeep.ts'

/** Milliseconds after an image came until the watermark is looked at: a build or a Compose file brings several. */
const SOON = 10_000
/** What makes images more. */
const GROWTH: ReadonlySet<string> = new Set(['pull', 'load', 'import', 'create'])

type Parts = {
  readonly upkeep: ImageUpkeep
  readonly events: Events
  /** Asked each time: it may be reloaded. Undefined: nothing is collected. */
  readonly policy: () => ImageGcConfig | undefined
  readonly log: Logger
}

/** Collects images from time to time and after new ones came, as far as the configuration says so. Keeps nothing alive and nobody waiting. */
export class GarbageCollector implements AsyncDisposable {
  readonly #parts: Parts
  readonly #subscription: Disposable
  #timer: NodeJS.Timeout | undefined
  /** When the timer fires; milliseconds since the epoch. */
  #due = Number.POSITIVE_INFINITY
  #running: Promise<void> | undefined
  #ended = false

  constructor(parts: Parts) {
    this.#parts = parts
    this.#subscription = parts.events.subscribe(({ Type, Action }) => {
      // A reload may have changed the interval, or the whole policy.
      if (Type === 'daemon' && Action === 'reload') this.#arm(this.#interval())
      else if (Type === 'image' && GROWTH.has(Action) && this.#parts.policy()?.high !== undefined) this.#hasten()
    })
    this.#arm(this.#interval())
  }

  /** Waits for a collection that is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true
    clearTimeout(this.#timer)
    this.#subscription[Symbol.dispose]()
    await this.#running
  }

  #interval(): number | undefined {
    const policy = this.#parts.policy()
    return policy && (policy.high !== undefined || policy.keep !== undefined) ? policy.interval : undefined
  }

  #hasten(): void {
    const interval = this.#interval()
    if (interval !== undefined && this.#due > Date.now() + SOON) this.#arm(Math.min(SOON, interval))
  }

  /** Undefined: never, until somebody arms it again. */
  #arm(wait: number | undefined): void {
    clearTimeout(this.#timer)
    this.#due = wait === undefined ? Number.POSITIVE_INFINITY : Date.now() + wait
    if (wait === undefined || this.#ended) return
    this.#timer = setTimeout(() => {
      this.#running ??= this.#run().finally(() => {
        this.#running = undefined
        this.#arm(this.#interval())
      })
    }, wait)
    this.#timer.unref()
  }

  async #run(): Promise<void> {
    const { upkeep, policy, log } = this.#parts
    const now = policy()
    if (!now) return
    try {
      const { Images, Kept, SpaceReclaimed } = await upkeep.collect(now)
      if (Images.length === 0) return
      const images = Images.map(({ Id, Names, Reason }) => ({ id: Id, names: Names, reason: Reason }))
      log.info({ images, kept: Kept, reclaimed: SpaceReclaimed }, 'images were collected')
    } catch (error) {
      log.error({ err: error }, `images could not be collected: ${messageOf(error)}`)
    }
  }
}
