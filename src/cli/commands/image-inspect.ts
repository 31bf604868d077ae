import { atLeast, type Command } from '../command.ts'
import { OBJECT_FORMAT } from '../format/format-flags.ts'
import { inspectObjects } from '../format/inspect-objects.ts'

export const command: Command = {
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  flags: `
${OBJECT_FORMAT}
      --platform string   Inspect a specific platform of the multi-platform image.
                          If the image or the server is not multi-platform capable, the command will error out if the platform does not match.
                          'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)
`,
  args: atLeast(1),
  action: (context, flags, names) =>
    inspectObjects(
      names,
      flags.string('format'),
      async name =>
        (
          await context.client.request('GET', `/images/${encodeURIComponent(name)}/json`, {
            query: { platform: flags.string('platform') || undefined },
          })
        ).text(),
      context,
    ),
}
