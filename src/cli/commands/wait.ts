import type { ContainerWaitResponse } from '../../api/container.ts'
import { atLeast, type Command } from '../command.ts'
import { describe, Failure } from '../failure.ts'

export const command: Command = {
  usage: 'CONTAINER [CONTAINER...]',
  args: atLeast(1),
  action: async ({ client, stdout }, _, names) => {
    const failures: string[] = []
    for (const name of names) {
      try {
        const result = await client.post<ContainerWaitResponse>(`/containers/${encodeURIComponent(name)}/wait`)
        stdout.line(String(result.StatusCode))
      } catch (error) {
        failures.push(describe(error))
      }
    }
    if (failures.length > 0) throw new Failure(1, failures.join('\n'))
    return 0
  },
}
