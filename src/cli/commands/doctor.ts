import type { RawCommand } from '../command.ts'

export const command: RawCommand = {
  raw: async args => {
    const { doctor } = await import('../doctor.ts')
    return await doctor([...args])
  },
}
