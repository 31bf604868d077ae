import { parseBytes } from './bytes.ts'
import { parseDuration } from './duration.ts'
import type { Flag } from './flag-table.ts'
import { parseBool } from './flag-type.ts'

/** The flags of one command line, each asked for by its long name. */
export class Flags {
  readonly #table: ReadonlyMap<string, Flag>
  readonly #values: ReadonlyMap<string, readonly string[]>

  constructor(table: ReadonlyMap<string, Flag>, values: ReadonlyMap<string, readonly string[]>) {
    this.#table = table
    this.#values = values
  }

  /** True when it was given, whatever its value. */
  changed(name: string): boolean {
    return this.#values.has(name)
  }

  /** The last value given, else the default, else ''. */
  string(name: string): string {
    return this.#values.get(name)?.at(-1) ?? this.#table.get(name)?.initial ?? ''
  }

  bool(name: string): boolean {
    const value = this.string(name)
    return value !== '' && parseBool(value)
  }

  /** 0 when it is neither given nor has a default. */
  number(name: string): number {
    return Number(this.string(name) || 0)
  }

  /** Bytes. */
  bytes(name: string): number {
    const value = this.string(name)
    return value === '' ? 0 : parseBytes(value)
  }

  /** Nanoseconds. */
  duration(name: string): number {
    const value = this.string(name)
    return value === '' ? 0 : parseDuration(value)
  }

  list(name: string): string[] {
    return [...(this.#values.get(name) ?? [])]
  }
}
