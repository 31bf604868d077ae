import { inspectCommand } from '../inspect-command.ts'

export const command = inspectCommand({
  word: 'CONTAINER',
  path: name => `/containers/${name}/json`,
  flags: `  -s, --size            Display total file sizes
`,
  query: flags => ({ size: flags.bool('size') || undefined }),
})
