import { parseReference, repositoryName } from '../../oci/reference.ts'
import { between, type Command } from '../command.ts'
import { Failure } from '../failure.ts'

export const command: Command = {
  usage: '[OPTIONS] CONTAINER [REPOSITORY[:TAG]]',
  flags: `
  -a, --author string    Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")
  -c, --change list      Apply Dockerfile instruction to the created image
  -m, --message string   Commit message
  -p, --pause            Pause container during commit (default true)
`,
  interspersed: false,
  args: between(1, 2),
  action: async ({ client, stdout }, flags, [container = '', name]) => {
    const reference = name === undefined || name === '' ? undefined : parseReference(name)
    if (reference?.digest !== undefined) throw new Failure(1, 'refusing to create a tag with a digest reference')
    const { Id } = await client.post<{ Id: string }>('/commit', {
      query: {
        container,
        repo: reference && repositoryName(reference),
        tag: reference && (reference.tag ?? 'latest'),
        comment: flags.string('message') || undefined,
        author: flags.string('author') || undefined,
        changes: flags.list('change'),
        pause: flags.bool('pause') ? undefined : false,
      },
    })
    stdout.line(Id)
    return 0
  },
}
