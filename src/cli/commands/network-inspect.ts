import { inspectCommand } from '../inspect-command.ts'

export const command = inspectCommand({
  word: 'NETWORK',
  path: name => `/networks/${name}`,
  flags: `  -v, --verbose         Verbose output for diagnostics
`,
  query: flags => ({ verbose: flags.bool('verbose') || undefined }),
})
