import { jsonLines } from '../../api/json-lines.ts'
import { type Command, NO_ARGUMENTS } from '../command.ts'
import { Failure } from '../failure.ts'
import { filtersQuery } from '../filters.ts'
import { parseJson } from '../format/parse-json.ts'
import { parseTimestamp } from '../format/timestamp.ts'
import { rfc3339 } from '../format/units.ts'
import { compile, TemplateExecutionError } from '../template/execute.ts'
import { TemplateSyntaxError } from '../template/lex.ts'
import { printValue } from '../template/print-value.ts'

export const command: Command = {
  usage: '[OPTIONS]',
  flags: `
  -f, --filter filter   Filter output based on conditions provided
      --format string   Format output using a custom template:
                        'json':             Print in JSON format
                        'TEMPLATE':         Print output using the given Go template.
                        Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates
      --since string    Show all events created since timestamp
      --until string    Stream events until this timestamp
`,
  args: NO_ARGUMENTS,
  action: async ({ client, stdout }, flags) => {
    const print = printer(flags.string('format'))
    const response = await client.request('GET', '/events', {
      query: {
        since: parseTimestamp(flags.string('since')) || undefined,
        until: parseTimestamp(flags.string('until')) || undefined,
        filters: filtersQuery(flags.list('filter')),
      },
    })
    for await (const line of jsonLines(response.body)) stdout.line(print(line))
    return 0
  },
}

type Message = {
  Type: string
  Action: string
  Actor: { ID: string; Attributes: Record<string, string> }
  time: number
  timeNano: unknown
}

const printer = (format: string): ((line: string) => string) => {
  if (format === 'json') return line => line
  if (format === '') return line => plain(parseJson(line) as Message)
  try {
    const template = compile(format)
    return line => {
      try {
        return template(parseJson(line))
      } catch (error) {
        if (!(error instanceof TemplateExecutionError)) throw error
        throw new Failure(1, error.message, { cause: error })
      }
    }
  } catch (error) {
    if (!(error instanceof TemplateSyntaxError)) throw error
    throw new Failure(64, `Error parsing format: ${error.message}`, { cause: error })
  }
}

/** `2026-11-22T05:15:21.237127385Z container create 07fc… (image=busybox, name=aa)` */
const plain = ({ Type, Action, Actor, time, timeNano }: Message): string => {
  const nano = printValue(timeNano)
  const fraction = nano === '<nil>' || nano === '0' ? '000000000' : nano.slice(-9)
  const attributes = Object.entries(Actor.Attributes ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort()
  const tail = attributes.length > 0 ? ` (${attributes.join(', ')})` : ''
  return `${rfc3339(time, `.${fraction}`)} ${Type} ${Action} ${Actor.ID}${tail}`
}
