import type { Context } from '../command.ts'
import { Failure } from '../failure.ts'
import type { Flags } from '../flags/flags.ts'
import type { BuildProgress } from './build-progress.ts'
import type { Display } from './display.ts'

/** For `-q` and `--progress quiet`. */
const QUIET: Display = {
  show: () => undefined,
  note: () => undefined,
  suspend: () => () => undefined,
  close: () => undefined,
}

export const openDisplay = async (flags: Flags, progress: BuildProgress, { stderr }: Context): Promise<Display> => {
  const mode = flags.string('progress')
  if (flags.bool('quiet') || mode === 'quiet' || mode === 'none') return QUIET
  if (mode === 'rawjson') {
    const { RawJsonDisplay } = await import('./raw-json-display.ts')
    return new RawJsonDisplay(progress, stderr)
  }
  if (mode === 'tty' && !stderr.isTerminal)
    throw new Failure(1, 'failed to get console: provided file is not a console')
  if (mode === 'plain' || !stderr.isTerminal) {
    const { PlainDisplay } = await import('./plain-display.ts')
    return new PlainDisplay(progress, stderr)
  }
  const { TerminalDisplay } = await import('./terminal-display.ts')
  return new TerminalDisplay(progress, stderr)
}
