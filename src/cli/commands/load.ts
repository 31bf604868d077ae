import { type Command, NO_ARGUMENTS } from '../command.ts'
import { Failure } from '../failure.ts'
import { openInput } from '../open-input.ts'
import { platformQuery } from '../platform-flag.ts'
import { showMessages } from '../progress/json-messages.ts'

export const command: Command = {
  usage: '[OPTIONS]',
  flags: `
  -i, --input string      Read from tar archive file, instead of STDIN
      --platform string   Load only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")
  -q, --quiet             Suppress the load output
`,
  args: NO_ARGUMENTS,
  action: async ({ client, stdout }, flags) => {
    const file = flags.string('input')
    if (file === '') {
      const { isatty } = await import('node:tty')
      if (isatty(0)) throw new Failure(1, 'requested load from stdin, but stdin is empty')
    }
    const platform = platformQuery(flags, 'invalid platform: ')
    const response = await client.request('POST', '/images/load', {
      query: { quiet: flags.bool('quiet') || !stdout.isTerminal, platform },
      headers: { 'Content-Type': 'application/x-tar' },
      body: await openInput(file),
    })
    await showMessages(response.messages(), stdout)
    return 0
  },
}
