import type { VolumeInspect } from '../../api/volume.ts'
import { atMost, type Command } from '../command.ts'
import { checkLabel, toMap } from '../create/environment.ts'
import { Failure } from '../failure.ts'

export const command: Command = {
  usage: '[OPTIONS] [VOLUME]',
  flags: `
  -d, --driver string   Specify volume driver name (default "local")
      --label list      Set metadata for a volume
  -o, --opt map         Set driver specific options (default map[])
`,
  check: { label: checkLabel },
  args: atMost(1),
  action: async ({ client, stdout }, flags, [name]) => {
    if (name === '') throw new Failure(1, 'volume name cannot be empty')
    const volume = await client.post<VolumeInspect>('/volumes/create', {
      json: {
        Name: name,
        Driver: flags.string('driver'),
        DriverOpts: toMap(flags.list('opt')),
        Labels: toMap(flags.list('label')),
      },
    })
    stdout.line(volume.Name)
    return 0
  },
}
