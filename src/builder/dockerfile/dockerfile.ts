import type { Directives } from './directives.ts'
import type { ArgInstruction, FromInstruction, Instruction } from './instruction.ts'
import type { SourceRange } from './source-range.ts'

export type Stage = {
  readonly index: number
  /** Lower case. */
  readonly name: string | undefined
  readonly from: FromInstruction
  readonly instructions: readonly Instruction[]
}

export type Dockerfile = {
  readonly file: string
  readonly source: string
  readonly directives: Directives
  /** Those before the first FROM. */
  readonly globalArgs: readonly ArgInstruction[]
  readonly stages: readonly Stage[]
  readonly warnings: readonly { readonly message: string; readonly range: SourceRange }[]
}
