import type { ImageSummary } from '../../api/image.ts'
import { atMost, type Command, type Context, PROGRAM } from '../command.ts'
import { Failure } from '../failure.ts'
import { filtersQuery } from '../filters.ts'
import type { Flags } from '../flags/flags.ts'
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
      --tree            List multi-platform images as a tree (EXPERIMENTAL)
`,
  args: atMost(1),
  action: async (context, flags, [pattern]) => {
    const { path, client, stdout, stderr, config } = context
    const query = {
      all: flags.bool('all') || undefined,
      filters: filtersQuery(flags.list('filter'), pattern === undefined ? [] : [['reference', pattern]]),
    }
    if (flags.bool('tree')) return await showTree(context, flags, query)
    const digests = flags.bool('digests')
    const format = new ListFormat({
      format: flags.string('format') || (flags.bool('quiet') ? '' : (config.settings.imagesFormat ?? '')),
      usual: `{{.Repository}}\\t{{.Tag}}\\t${digests ? '{{.Digest}}\\t' : ''}{{.ID}}\\t{{.CreatedSince}}\\t{{.Size}}`,
      headers: IMAGE_HEADERS,
      quiet: flags.bool('quiet') ? '{{.ID}}' : undefined,
    })
    const images = await client.get<ImageSummary[]>('/images/json', query)
    const options = {
      trunc: !flags.bool('no-trunc'),
      digests: digests || (format.uses('Digest') && flags.string('format') !== 'json'),
    }
    const rows = images.flatMap(image =>
      flags.bool('quiet') ? imageRows(image, options).slice(0, 1) : imageRows(image, options),
    )
    format.print(rows, stdout)
    if (path === 'images' && images.length === 0 && pattern !== undefined && VERBS.includes(pattern))
      stderr.write(
        `\nNo images found matching ${JSON.stringify(pattern)}: did you mean "${PROGRAM} image ${pattern}"?\n`,
      )
    return 0
  },
}

/** What people write behind `images` and mean behind `image`. */
const VERBS = 'build history import inspect list load ls prune pull push rm save tag'.split(' ')

const showTree = async ({ client, stdout }: Context, flags: Flags, query: Query): Promise<number> => {
  for (const [name, shown] of [
    ['quiet', 'quiet'],
    ['no-trunc', 'no-trunc'],
    ['digests', 'show-digest'],
  ] as const)
    if (flags.bool(name)) throw new Failure(1, `--${shown} is not yet supported with --tree`)
  if (flags.string('format') !== '') throw new Failure(1, '--format is not yet supported with --tree')
  const { imageTree } = await import('../format/image-tree.ts')
  const images = await client.get<ImageSummary[]>('/images/json', { ...query, manifests: true })
  const shown = query.all ? images : images.filter(image => !isDangling(image))
  stdout.write(imageTree(shown, stdout.size()?.columns ?? 80, stdout.isTerminal))
  return 0
}
type Query = { readonly all: boolean | undefined; readonly filters: string | undefined }

const isDangling = ({ RepoTags, RepoDigests }: ImageSummary): boolean =>
  [...(RepoTags ?? []), ...(RepoDigests ?? [])].every(name => name.startsWith('<none>'))
