import { type Command, exactly } from '../command.ts'
import { registryAuth } from '../credentials/registry-auth.ts'
import { filtersQuery } from '../filters.ts'
import { ListFormat } from '../format/list-format.ts'
import { ellipsis } from '../format/units.ts'
import { Row } from '../template/value.ts'

type SearchResult = {
  readonly name: string
  readonly description: string
  readonly star_count: number
  readonly is_official: boolean
}

export const command: Command = {
  usage: '[OPTIONS] TERM',
  flags: `
  -f, --filter filter   Filter output based on conditions provided
      --format string   Pretty-print search using a Go template
      --limit int       Max number of search results
      --no-trunc        Don't truncate output
`,
  args: exactly(1),
  action: async (context, flags, [term = '']) => {
    const { client, stdout, stderr } = context
    const filters = flags.list('filter')
    if (filters.some(filter => filter.startsWith('is-automated=')))
      stderr.line(
        'WARNING: the "is-automated" filter is deprecated, and searching for "is-automated=true" will not yield any results in future.',
      )
    const format = new ListFormat({
      format: flags.string('format'),
      usual: '{{.Name}}\\t{{.Description}}\\t{{.StarCount}}\\t{{.IsOfficial}}',
      headers: { Name: 'NAME', Description: 'DESCRIPTION', StarCount: 'STARS', IsOfficial: 'OFFICIAL' },
    })
    const results = await client.json<readonly SearchResult[]>('GET', '/images/search', {
      query: { term, limit: flags.number('limit') || undefined, filters: filtersQuery(filters) },
      headers: await registryAuth(context, registryOf(term)),
    })
    // `json` spells out what a table marks.
    const spelt = /json/.test(flags.string('format'))
    format.print(
      results.map(result => rowOf(result, flags.bool('no-trunc'), spelt)),
      stdout,
    )
    return 0
  },
}

const rowOf = (result: SearchResult, whole: boolean, spelt: boolean): Row => {
  const description = result.description.replace(/[\r\n]/g, ' ')
  return new Row('*registry.searchContext', {
    Name: () => result.name,
    Description: () => (whole ? description : ellipsis(description, 45)),
    StarCount: () => String(result.star_count),
    IsOfficial: () => (spelt ? String(result.is_official) : result.is_official ? '[OK]' : ''),
  })
}

/** A name in the registry that the term names: what stands before its first slash, if that can be a host. */
const registryOf = (term: string): string => {
  const slash = term.indexOf('/')
  const host = slash < 0 ? '' : term.slice(0, slash)
  return /[.:]/.test(host) || host === 'localhost' ? `${host}/x` : 'x'
}
