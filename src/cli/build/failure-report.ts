import type { BuildProgress, Vertex } from './build-progress.ts'

const AROUND = 2
const RULE = '-'.repeat(20)

/** What a failed build says at its end: the step, its last output, and where in the Dockerfile it stands. */
export const failureReport = (
  progress: BuildProgress,
  message: string,
  dockerfile: { name: string; source: string | undefined },
): string => {
  const failed = progress.vertices.find(vertex => vertex.error !== undefined)
  const line = failed?.line || lineIn(message)
  return `${failed ? lastOutput(failed) : ''}${excerpt(dockerfile, line)}ERROR: failed to build: failed to solve: ${message}`
}

const lastOutput = (vertex: Vertex): string => {
  const lines = vertex.rest === '' ? vertex.lines : [...vertex.lines, vertex.rest]
  return `------\n > ${vertex.name}:\n${lines.map(line => `${line}\n`).join('')}------\n`
}

/** `dockerfile parse error on line 2: …` */
const lineIn = (message: string): number => Number(/\bon line (\d+)/.exec(message)?.[1] ?? 0)

/** The lines around an instruction, continuation lines included, marked with `>>>`. */
const excerpt = ({ name, source }: { name: string; source: string | undefined }, line: number): string => {
  if (source === undefined || line < 1) return ''
  const lines = source.split('\n')
  if (line > lines.length) return ''
  let last = line
  while (last < lines.length && /[\\`]\s*$/.test(lines[last - 1] as string)) last++
  const first = Math.max(1, line - AROUND)
  const end = Math.min(lines.length, last + AROUND)
  const numbered = lines.slice(first - 1, end).map((text, i) => {
    const number = first + i
    return `${String(number).padStart(4)} | ${number >= line && number <= last ? '>>>' : '   '} ${text}\n`
  })
  return `${name}:${line}\n${RULE}\n${numbered.join('')}${RULE}\n`
}
