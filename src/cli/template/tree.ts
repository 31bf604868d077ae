/** The tree of a parsed template. `at` is the offset that errors point to, `text` how Go prints the node in them. */
export type Operand =
  | { readonly kind: 'dot'; readonly at: number; readonly text: string }
  | { readonly kind: 'nil'; readonly at: number; readonly text: string }
  | { readonly kind: 'literal'; readonly value: string | number | boolean; readonly at: number; readonly text: string }
  | { readonly kind: 'field'; readonly path: readonly string[]; readonly at: number; readonly text: string }
  | {
      readonly kind: 'variable'
      readonly name: string
      readonly path: readonly string[]
      readonly at: number
      readonly text: string
    }
  | { readonly kind: 'function'; readonly name: string; readonly at: number; readonly text: string }
  | {
      readonly kind: 'chain'
      readonly base: Operand
      readonly path: readonly string[]
      readonly at: number
      readonly text: string
    }
  | { readonly kind: 'pipeline'; readonly pipeline: Pipeline; readonly at: number; readonly text: string }

export type Command = { readonly operands: readonly Operand[]; readonly at: number; readonly text: string }
export type Pipeline = {
  readonly declare: readonly string[]
  /** `=` instead of `:=`. */
  readonly assign: boolean
  readonly commands: readonly Command[]
  readonly at: number
  readonly text: string
}

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipeline: Pipeline }
  | {
      readonly kind: 'if' | 'with' | 'range'
      readonly pipeline: Pipeline
      readonly body: readonly Node[]
      readonly otherwise: readonly Node[]
    }
  | { readonly kind: 'break' | 'continue' }
  | { readonly kind: 'template'; readonly name: string; readonly pipeline: Pipeline | undefined; readonly at: number }

export type Template = {
  readonly source: string
  readonly nodes: readonly Node[]
  readonly defined: ReadonlyMap<string, readonly Node[]>
}
