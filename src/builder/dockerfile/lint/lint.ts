import type { SourceRange } from '../source-range.ts'
import { type CheckOptions, isWanted, withComments } from './lint-options.ts'
import { LINT_RULES, type LintRule, ruleUrl } from './lint-rules.ts'

/** Something in a Dockerfile that works and should be otherwise. */
export type Lint = {
  readonly rule: LintRule
  /** What the rule is about. */
  readonly description: string
  /** What is the matter here. */
  readonly detail: string
  readonly url: string | undefined
  readonly range: SourceRange
}

type Place = { readonly range: SourceRange; readonly comments?: readonly string[] }

/** Takes lints of the rules that count. */
export class LintCollector {
  readonly lints: Lint[] = []
  readonly #options: CheckOptions

  constructor(options: CheckOptions) {
    this.#options = options
  }

  /** Comments above an instruction may switch rules off for it. */
  add(rule: LintRule, place: Place, detail: string): void {
    if (!isWanted(rule, withComments(this.#options, place.comments))) return
    this.lints.push({ rule, description: LINT_RULES[rule], detail, url: ruleUrl(rule), range: place.range })
  }
}
