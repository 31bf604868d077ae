import type { Context } from './command.ts'

/** Asks before something is removed for good. False for anything but yes; also when there is nobody to ask. */
export const confirm = async ({ stdout }: Context, question: string): Promise<boolean> => {
  stdout.write(`${question} [y/N] `)
  const { createInterface } = await import('node:readline')
  const lines = createInterface({ input: process.stdin })
  try {
    for await (const line of lines) return line.trim().toLowerCase() === 'y'
    return false
  } finally {
    lines.close()
  }
}
