import { inspectCommand } from '../inspect-command.ts'
import { platformQuery } from '../platform-flag.ts'

export const command = inspectCommand({
  word: 'IMAGE',
  path: name => `/images/${name}/json`,
  flags: `      --platform string   Inspect a specific platform of the multi-platform image.
                          If the image or the server is not multi-platform capable, the command will error out if the platform does not match.
                          'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)
`,
  query: flags => ({ platform: platformQuery(flags) }),
})
