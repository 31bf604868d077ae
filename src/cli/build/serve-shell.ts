import type { Duplex } from 'node:stream'
import type { Service } from '../../api/build-session.ts'
import { encodeMessage } from '../../api/context-stream.ts'
import { rawTerminal } from '../session/raw-terminal.ts'
import { sessionWords } from './session-words.ts'

/** The terminal is one: whoever fails meanwhile waits. */
let last: Promise<void> = Promise.resolve()

/** Lends our terminal to a shell in the state before a failed step, until it ends. `display` is suspended for it. */
export const serveShell = (
  channel: Duplex,
  service: Extract<Service, { name: 'shell' }>,
  resize: (rows: number, columns: number) => void,
  display: { suspend(): () => void },
): Promise<void> => {
  const served = last.then(async () => {
    // The build may have ended while it waited.
    if (channel.destroyed) return
    const resume = display.suspend()
    try {
      await lend(channel, service, resize)
    } finally {
      resume()
    }
  })
  last = served.catch(() => undefined)
  return served
}

const lend = async (
  channel: Duplex,
  { step, message }: Extract<Service, { name: 'shell' }>,
  resize: (rows: number, columns: number) => void,
): Promise<void> => {
  process.stderr.write(
    `\n > ${step}\nERROR: ${sessionWords(message)}\nA shell in the state before this step. The build ends when you leave it.\n`,
  )
  const size = (): { rows: number; columns: number } => {
    const [columns = 80, rows = 24] = process.stdout.isTTY ? process.stdout.getWindowSize() : []
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
