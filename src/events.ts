/** The kinds of object that events are about; Docker's words. */
export type EventType = 'container' | 'image' | 'network' | 'volume' | 'builder' | 'daemon'

export type Event = {
  readonly Type: EventType
  readonly Action: string
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> }
  readonly scope: 'local'
  /** Seconds since the epoch. */
  readonly time: number
  /** Nanoseconds since the epoch; beyond 2^53, so kept as a bigint and written as a JSON number by the server. */
  readonly timeNano: bigint
}

const HISTORY = 256

/** What happened, told to all who listen, and the last 256 events for those who ask later (as dockerd keeps). */
export class Events {
  readonly #history: Event[] = []
  readonly #listeners = new Set<(event: Event) => void>()
  #last = 0n

  publish(Type: EventType, Action: string, ID: string, Attributes: Readonly<Record<string, string>> = {}): Event {
    // Times rise strictly, so that a reader can go on from the last event that it saw.
    const now = BigInt(Date.now()) * 1_000_000n + (process.hrtime.bigint() % 1_000_000n)
    const timeNano = now > this.#last ? now : this.#last + 1n
    this.#last = timeNano
    const event: Event = {
      Type,
      Action,
      Actor: { ID, Attributes },
      scope: 'local',
      time: Number(timeNano / 1_000_000_000n),
      timeNano,
    }
    this.#history.push(event)
    if (this.#history.length > HISTORY) this.#history.shift()
    for (const listener of [...this.#listeners]) listener(event)
    return event
  }

  /** The kept events, oldest first. */
  history(): readonly Event[] {
    return this.#history
  }

  /** How many listen now. */
  get listeners(): number {
    return this.#listeners.size
  }

  /** Calls `listener` for each event from now on, synchronously. Dispose to stop. */
  subscribe(listener: (event: Event) => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }
}
