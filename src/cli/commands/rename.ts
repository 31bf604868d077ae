import { type Command, exactly } from '../command.ts'
import { describe, Failure } from '../failure.ts'

export const command: Command = {
  usage: 'CONTAINER NEW_NAME',
  args: exactly(2),
  action: async ({ client, stderr }, _, [given = '', next = '']) => {
    const [name, newName] = [given.trim(), next.trim()]
    if (name === '' || newName === '') throw new Failure(1, 'Error: Neither old nor new names may be empty')
    try {
      await client.post(`/containers/${encodeURIComponent(name)}/rename`, { query: { name: newName } })
    } catch (error) {
      stderr.line(describe(error))
      throw new Failure(1, `Error: failed to rename container named ${name}`, { cause: error })
    }
    return 0
  },
}
