/** Variables, and which of them were asked for. */
export class WatchedScope {
  readonly #values: Map<string, string>
  readonly #declared: Set<string>
  #matched = new Set<string>()
  #unmatched = new Set<string>()

  constructor(values: Iterable<readonly [string, string]> = [], declared: Iterable<string> = []) {
    this.#values = new Map(values)
    this.#declared = new Set(declared)
  }

  readonly get = (name: string): string | undefined => {
    const value = this.#values.get(name)
    ;(value === undefined ? this.#unmatched : this.#matched).add(name)
    return value
  }

  set(name: string, value: string): void {
    this.#values.set(name, value)
  }

  /** An argument may be declared without a value. */
  declare(name: string, value: string | undefined): void {
    this.#declared.add(name)
    if (value !== undefined) this.#values.set(name, value)
  }

  isDeclared(name: string): boolean {
    return this.#declared.has(name) || this.#values.has(name)
  }

  names(): readonly string[] {
    return [...new Set([...this.#values.keys(), ...this.#declared])]
  }

  /** Those that have a value. */
  valued(): readonly string[] {
    return [...this.#values.keys()]
  }

  copy(): WatchedScope {
    return new WatchedScope(this.#values, this.#declared)
  }

  /** What `work` asked for, each name once. `report` gets the names that have no value, also when `work` fails. */
  watch<Result>(
    work: () => Result,
    report: (unmatched: readonly string[]) => void,
  ): { readonly result: Result; readonly matched: readonly string[]; readonly unmatched: readonly string[] } {
    this.#matched = new Set()
    this.#unmatched = new Set()
    try {
      const result = work()
      return { result, matched: [...this.#matched], unmatched: [...this.#unmatched] }
    } finally {
      report([...this.#unmatched])
    }
  }
}
