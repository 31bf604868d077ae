import type { Query } from '../api/client.ts'
import { atLeast, type Command } from './command.ts'
import type { Flags } from './flags/flags.ts'
import { OBJECT_FORMAT } from './format/format-flags.ts'
import { inspectObjects } from './format/inspect-objects.ts'

/** `inspect` of one kind of object: `word` is what help calls it, `flags` what it has beside `--format`. */
export const inspectCommand = (kind: {
  readonly word: string
  readonly path: (name: string) => string
  readonly flags?: string
  readonly query?: (flags: Flags) => Query
}): Command => ({
  usage: `[OPTIONS] ${kind.word} [${kind.word}...]`,
  flags: `\n${OBJECT_FORMAT}\n${kind.flags ?? ''}`,
  args: atLeast(1),
  action: (context, flags, names) => {
    const query = kind.query?.(flags) ?? {}
    const fetch = async (name: string): Promise<string> =>
      (await context.client.request('GET', kind.path(encodeURIComponent(name)), { query })).text()
    return inspectObjects(names, flags.string('format'), fetch, context)
  },
})
