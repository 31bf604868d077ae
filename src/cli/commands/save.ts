import { open, rename, rm } from 'node:fs/promises'
import { atLeast, type Command } from '../command.ts'
import { fileFault } from '../create/environment.ts'
import { Failure } from '../failure.ts'

export const command: Command = {
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  flags: `
  -o, --output string     Write to a file, instead of STDOUT
      --platform string   Save only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")
`,
  args: atLeast(1),
  action: async ({ client, stdout }, flags, names) => {
    const path = flags.string('output')
    if (path === '' && stdout.isTerminal)
      throw new Failure(1, 'cowardly refusing to save to a terminal. Use the -o flag or redirect')
    const response = await client.request('GET', '/images/get', {
      query: { names, platform: flags.string('platform') || undefined },
    })
    if (path === '') {
      for await (const chunk of response.body) stdout.write(chunk)
      return 0
    }
    await writeWhole(path, response.body)
    return 0
  },
}

/** Writes beside the file and renames at the end, so that a half archive never bears its name. */
const writeWhole = async (path: string, chunks: AsyncIterable<Buffer>): Promise<void> => {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    await using file = await open(temporary, 'w', 0o600)
    for await (const chunk of chunks) await file.write(chunk)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    if ((error as { syscall?: string }).syscall === undefined) throw error
    throw new Failure(1, `failed to save image: ${fileFault('open', path, error)}`, { cause: error })
  }
}
