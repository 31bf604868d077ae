import type { ContainerTop } from '../../api/container.ts'
import { atLeast, type Command } from '../command.ts'
import { align } from '../format/align.ts'

export const command: Command = {
  usage: 'CONTAINER [ps OPTIONS]',
  interspersed: false,
  args: atLeast(1),
  action: async ({ client, stdout }, _, [name = '', ...psArguments]) => {
    const query = { ps_args: psArguments.length > 0 ? psArguments.join(' ') : undefined }
    const top = await client.get<ContainerTop>(`/containers/${encodeURIComponent(name)}/top`, query)
    const lines = [top.Titles, ...top.Processes].map(cells => cells.join('\t'))
    stdout.write(align(`${lines.join('\n')}\n`, { minWidth: 20, padding: 3 }))
    return 0
  },
}
