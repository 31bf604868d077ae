import type { ImageHistoryItem } from '../../api/image.ts'
import { type Command, exactly } from '../command.ts'
import { LIST_FORMAT } from '../format/format-flags.ts'
import { ListFormat } from '../format/list-format.ts'
import { ago, ellipsis, humanSize, rfc3339, shortId } from '../format/units.ts'
import { platformQuery } from '../platform-flag.ts'
import { Row } from '../template/value.ts'

const HEADERS = {
  ID: 'IMAGE',
  CreatedSince: 'CREATED',
  CreatedAt: 'CREATED AT',
  CreatedBy: 'CREATED BY',
  Size: 'SIZE',
  Comment: 'COMMENT',
}

export const command: Command = {
  usage: '[OPTIONS] IMAGE',
  flags: `
${LIST_FORMAT}
  -H, --human             Print sizes and dates in human readable format (default true)
      --no-trunc          Don't truncate output
      --platform string   Show history for the given platform. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")
  -q, --quiet             Only show image IDs
`,
  args: exactly(1),
  action: async ({ client, stdout }, flags, [image = '']) => {
    const human = flags.bool('human')
    const format = new ListFormat({
      format: flags.string('format'),
      usual: `{{.ID}}\\t${human ? '{{.CreatedSince}}' : '{{.CreatedAt}}'}\\t{{.CreatedBy}}\\t{{.Size}}\\t{{.Comment}}`,
      headers: HEADERS,
      quiet: flags.bool('quiet') ? '{{.ID}}' : undefined,
    })
    const items = await client.get<ImageHistoryItem[]>(`/images/${encodeURIComponent(image)}/history`, {
      platform: platformQuery(flags, 'invalid platform: '),
    })
    const trunc = !flags.bool('no-trunc')
    const rows = items.map(item => {
      const createdBy = item.CreatedBy.replaceAll('\t', ' ')
      return new Row('*formatter.historyContext', {
        ID: () => (trunc && item.Id !== '<missing>' ? shortId(item.Id) : item.Id),
        CreatedAt: () => rfc3339(item.Created),
        CreatedSince: () => (human ? (item.Created === 0 ? 'N/A' : ago(item.Created)) : rfc3339(item.Created)),
        CreatedBy: () => (trunc ? ellipsis(createdBy, 45) : createdBy),
        Size: () => (human ? humanSize(item.Size, 3) : String(item.Size)),
        Comment: () => item.Comment,
      })
    })
    format.print(rows, stdout)
    return 0
  },
}
