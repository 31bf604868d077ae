import { isKind } from '../../errdefs.ts'
import { atLeast, type Command } from '../command.ts'
import { Failure } from '../failure.ts'
import { OBJECT_FORMAT } from '../format/format-flags.ts'
import { inspectObjects } from '../format/inspect-objects.ts'

/** Asked in this order when no type is given. */
const PATHS: Readonly<Record<string, (name: string) => string>> = {
  container: name => `/containers/${name}/json`,
  image: name => `/images/${name}/json`,
  network: name => `/networks/${name}`,
  volume: name => `/volumes/${name}`,
}
const TYPES = ['config', 'container', 'image', 'network', 'node', 'plugin', 'secret', 'service', 'task', 'volume']

export const command: Command = {
  usage: '[OPTIONS] NAME|ID [NAME|ID...]',
  flags: `
${OBJECT_FORMAT}
  -s, --size            Display total file sizes if the type is container
      --type string     Only inspect objects of the given type
`,
  args: atLeast(1),
  action: async (context, flags, names) => {
    const type = flags.string('type')
    if (flags.changed('type') && !TYPES.includes(type)) {
      const known = TYPES.map(name => JSON.stringify(name)).join(', ')
      throw new Failure(
        1,
        type === ''
          ? `type is empty: must be one of ${known}`
          : `unknown type: ${JSON.stringify(type)}: must be one of ${known}`,
      )
    }
    const kinds = type === '' ? Object.keys(PATHS) : PATHS[type] ? [type] : []
    const fetch = async (name: string): Promise<string> => {
      for (const kind of kinds) {
        const path = (PATHS[kind] as (name: string) => string)(encodeURIComponent(name))
        const size = kind === 'container' && flags.bool('size') ? true : undefined
        try {
          return await (await context.client.request('GET', path, { query: { size } })).text()
        } catch (error) {
          if (type !== '' || !isKind(error, 'NotFound')) throw error
        }
      }
      throw new Failure(1, `Error: No such ${type || 'object'}: ${name}`)
    }
    return await inspectObjects(names, flags.string('format'), fetch, context)
  },
}
