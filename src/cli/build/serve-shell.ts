import type { Duplex } from 'node:stream'
import type { Service } from '../../api/build-session.ts'
import { encodeMessage } from '../../api/context-stream.ts'
import { rawTerminal } from '../session/raw-terminal.ts'

/** Lends our terminal to a shell in what a failed step has left, until it ends. */
export const serveShell = async (
  channel: Duplex,
  { step, message }: Extract<Service, { name: 'shell' }>,
  resize: (rows: number, columns: number) => void,
): Promise<void> => {
  process.stderr.write(`\n${step}\n${message}\nA shell in what it left follows; the build fails when you leave it.\n`)
  const size = (): { rows: number; columns: number } => {
    const [columns = 80, rows = 24] = process.stdout.getWindowSize?.() ?? []
    return { rows, columns }
  }
  channel.write(encodeMessage(size()))
  await using _raw = await rawTerminal()
  const onResize = (): void => {
    const { rows, columns } = size()
    resize(rows, columns)
  }
  process.on('SIGWINCH', onResize)
  const onInput = (chunk: Buffer): void => void channel.write(chunk)
  process.stdin.on('data', onInput)
  process.stdin.resume()
  try {
    for await (const chunk of channel) process.stdout.write(chunk as Buffer)
  } finally {
    process.off('SIGWINCH', onResize)
    process.stdin.off('data', onInput)
    process.stdin.pause()
  }
}
