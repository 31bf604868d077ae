import { SyntaxProblem } from '../dockerfile-error.ts'
import type { SourceRange } from '../source-range.ts'

/** What goes wrong in `work` went wrong at this instruction. */
export const at = <Result>({ range }: { readonly range: SourceRange }, work: () => Result): Result => {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof SyntaxProblem) || error.range !== undefined) throw error
    throw new SyntaxProblem(error.message, { range, located: error.located })
  }
}
