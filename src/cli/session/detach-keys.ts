import { Failure } from '../failure.ts'

const DEFAULT = 'ctrl-p,ctrl-q'

/** `ctrl-p,ctrl-q` or `a,b` as the bytes that a terminal sends. Throws Failure for keys that do not exist. */
export const parseDetachKeys = (text: string): Buffer => {
  const bytes = (text || DEFAULT).split(',').map(key => {
    if ([...key].length === 1 && key.charCodeAt(0) < 128) return key.charCodeAt(0)
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key.toLowerCase())?.[1]
    if (control === undefined) throw new Failure(1, `Unknown character: '${key}'`)
    return control.toUpperCase().charCodeAt(0) & 0x1f
  })
  return Buffer.from(bytes)
}

/**
 * Watches what is typed for the detach keys. The keys themselves never reach the process; a beginning that turns out
 * not to be them does, late.
 */
export class DetachWatcher {
  readonly #keys: Buffer
  #matched = 0

  constructor(keys: Buffer) {
    this.#keys = keys
  }

  /** What of `chunk` to send on, and whether the keys are complete (what follows them is dropped). */
  pass(chunk: Buffer): { data: Buffer; detached: boolean } {
    const out: number[] = []
    for (const byte of chunk) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched++
        if (this.#matched === this.#keys.length) return { data: Buffer.from(out), detached: true }
        continue
      }
      out.push(...this.#keys.subarray(0, this.#matched))
      this.#matched = byte === this.#keys[0] ? 1 : 0
      if (this.#matched === 0) out.push(byte)
      else if (this.#keys.length === 1) return { data: Buffer.from(out), detached: true }
    }
    return { data: Buffer.from(out), detached: false }
  }
}
