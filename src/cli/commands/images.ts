import type { ImageSummary } from '../../api/image.ts'
import { atMost, type Command } from '../command.ts'
import { filtersQuery } from '../filters.ts'
import { LIST_FORMAT } from '../format/format-flags.ts'
import { IMAGE_HEADERS, imageRows } from '../format/image-row.ts'
import { ListFormat } from '../format/list-format.ts'

export const command: Command = {
  usage: '[OPTIONS] [REPOSITORY[:TAG]]',
  flags: `
  -a, --all             Show all images (default hides intermediate images)
      --digests         Show digests
  -f, --filter filter   Filter output based on conditions provided
${LIST_FORMAT}
      --no-trunc        Don't truncate output
  -q, --quiet           Only show image IDs
`,
  args: atMost(1),
  action: async ({ client, stdout, config }, flags, [pattern]) => {
    const digests = flags.bool('digests')
    const format = new ListFormat({
      format: flags.string('format') || (flags.bool('quiet') ? '' : (config.settings.imagesFormat ?? '')),
      usual: `{{.Repository}}\\t{{.Tag}}\\t${digests ? '{{.Digest}}\\t' : ''}{{.ID}}\\t{{.CreatedSince}}\\t{{.Size}}`,
      headers: IMAGE_HEADERS,
      quiet: flags.bool('quiet') ? '{{.ID}}' : undefined,
    })
    const images = await client.get<ImageSummary[]>('/images/json', {
      all: flags.bool('all') || undefined,
      filters: filtersQuery(flags.list('filter'), pattern === undefined ? [] : [['reference', pattern]]),
    })
    const options = {
      trunc: !flags.bool('no-trunc'),
      digests: digests || (format.uses('Digest') && flags.string('format') !== 'json'),
    }
    const rows = images.flatMap(image =>
      flags.bool('quiet') ? imageRows(image, options).slice(0, 1) : imageRows(image, options),
    )
    format.print(rows, stdout)
    return 0
  },
}
