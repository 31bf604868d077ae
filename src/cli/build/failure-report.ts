import type { BuildProgress, Vertex } from './build-progress.ts'

const AROUND = 2
const RULE = '-'.repeat(20)

/** What a failed build says at its end: the step, its last output, and where in the Dockerfile it stands. */
export const failureReport = (
  progress: BuildProgress,
  message: string,
  dockerfile: { readonly shownName: string; readonly text: string | undefined },
): string => {
  const failed = progress.vertices.find(vertex => vertex.error !== undefined)
  const line = failed?.line || lineIn(message)
  return `${failed ? lastOutput(failed) : ''}${excerptOf(dockerfile, line)}ERROR: failed to build: failed to solve: ${message}`
}

const lastOutput = (vertex: Vertex): string => {
  const lines = vertex.rest === '' ? vertex.lines : [...vertex.lines, vertex.rest]
  return `------\n > ${vertex.name}:\n${lines.map(line => `${line}\n`).join('')}------\n`
}

/** `dockerfile parse error on line 2: …` */
const lineIn = (message: string): number => Number(/\bon line (\d+)/.exec(message)?.[1] ?? 0)

/** Four lines around one line, two around several, and one more above or below where that comes out even: as Docker shows them. */
const around = (line: number, last: number, count: number): [first: number, last: number] => {
  let [above, below] = [line, Math.min(last, count)]
  for (let shown = 0, wanted = line === last ? 2 * AROUND : AROUND; shown < wanted; shown++) {
    if (above > 1) {
      above--
      shown++
    }
    if (below < count) {
      below++
      shown++
    }
  }
  return [above, below]
}

/** The lines around an instruction, which are marked with `>>>`; without `last` its continuation lines are found. */
export const excerptOf = (
  { shownName, text }: { readonly shownName: string; readonly text: string | undefined },
  line: number,
  last = 0,
): string => {
  if (text === undefined || line < 1) return ''
  const lines = text.split('\n')
  if (line > lines.length) return ''
  let end = Math.max(line, last)
  if (last === 0) while (end < lines.length && /[\\`]\s*$/.test(lines[end - 1] as string)) end++
  const [first, below] = around(line, end, lines.length)
  const shown = lines.slice(first - 1, below).map((content, i) => {
    const number = first + i
    return `${String(number).padStart(4)} | ${number >= line && number <= end ? '>>>' : '   '} ${content}\n`
  })
  return `${shownName}:${line}\n${RULE}\n${shown.join('')}${RULE}\n`
}
