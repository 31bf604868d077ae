import type { JsonMessage } from '../../api/image.ts'
import type { CheckedKind, CheckProblem, CheckSummary } from '../../api/system-check.ts'
import { type Command, NO_ARGUMENTS } from '../command.ts'
import { Failure } from '../failure.ts'
import { shortId } from '../format/units.ts'
import type { Output } from '../output.ts'

export const command: Command = {
  usage: '[OPTIONS]',
  description: `Verify every blob, layer and name in the store against its digest.
Ends with 0 when all is well or has been repaired, else with 1.`,
  flags: `
  -q, --quiet    Show problems only
      --repair   Fetch again or remove what is broken
`,
  args: NO_ARGUMENTS,
  action: async ({ client, stdout, stderr }, flags) => {
    const repair = flags.bool('repair')
    const response = await client.request('POST', '/system/check', { query: { repair: repair || undefined } })
    const progress = new Progress(flags.bool('quiet') ? undefined : stderr)
    let summary: CheckSummary | undefined
    try {
      for await (const message of response.messages<Line>()) {
        if (message.error !== undefined || message.errorDetail !== undefined)
          throw new Failure(1, message.errorDetail?.message || (message.error as string))
        if (message.Checked) progress.show(message.Checked.Kind, message.Checked.Id)
        if (message.Summary) summary = message.Summary
        if (message.Problem) {
          progress.clear()
          stdout.line(describeProblem(message.Problem, repair))
        }
      }
    } finally {
      progress.clear()
    }
    if (summary === undefined) throw new Failure(1, 'the check was cut off: the daemon ended it without a result')
    if (!flags.bool('quiet')) stdout.line(describeSummary(summary))
    return summary.Problems > summary.Repaired ? 1 : 0
  },
}
type Line = JsonMessage & {
  readonly Checked?: { readonly Kind: CheckedKind; readonly Id: string }
  readonly Problem?: CheckProblem
  readonly Summary?: CheckSummary
}

/** What is looked at just now: one line of a terminal, drawn over itself. */
class Progress {
  readonly #output: Output | undefined
  #drawn = 0

  constructor(output: Output | undefined) {
    this.#output = output?.isTerminal ? output : undefined
  }

  show(kind: string, id: string): void {
    // As often as an eye can follow; there may be ten thousands.
    if (!this.#output || Date.now() - this.#drawn < 50) return
    this.#drawn = Date.now()
    const columns = this.#output.size()?.columns ?? 80
    this.#output.write(`\r\x1b[2K${`Checking ${kind} ${/^sha256:/.test(id) ? shortId(id) : id}`.slice(0, columns - 1)}`)
  }

  clear(): void {
    if (this.#drawn > 0) this.#output?.write('\r\x1b[2K')
    this.#drawn = 0
  }
}

const describeProblem = ({ Kind, Id, Detail, Repair, Repaired }: CheckProblem, repair: boolean): string => {
  const cure = Repair === '' ? '' : `\n  ${Repaired ? 'repaired: ' : repair ? 'not repaired: ' : ''}${Repair}`
  return `${Kind} ${Id}: ${Detail}${cure}`
}

const describeSummary = ({ Blobs, Layers, Problems, Repaired }: CheckSummary): string => {
  const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`
  const found = Problems === 0 ? 'all is well' : `${count(Problems, 'problem')}, ${Repaired} repaired`
  return `Checked ${count(Blobs, 'blob')} and ${count(Layers, 'layer')}: ${found}`
}
