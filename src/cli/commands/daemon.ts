import type { RawCommand } from '../command.ts'

export const command: RawCommand = {
  raw: async args => {
    const { runDaemon } = await import('../../daemon.ts')
    return await runDaemon(args)
  },
}
