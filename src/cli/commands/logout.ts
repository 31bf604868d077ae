import { messageOf } from '../../errdefs.ts'
import { atMost, type Command } from '../command.ts'
import { HUB_ADDRESS, hostOf } from '../credentials/auth-config.ts'
import { credentialStore } from '../credentials/credential-store.ts'

export const command: Command = {
  usage: '[SERVER]',
  description: 'Log out from a registry.\nIf no server is specified, the default is defined by the daemon.',
  args: atMost(1),
  action: async ({ config, stdout, stderr }, _, [server = '']) => {
    const host = server === '' ? HUB_ADDRESS : hostOf(server)
    // Files of old have it under its URL.
    const names = server === '' ? [HUB_ADDRESS] : [...new Set([server, host, `http://${host}`, `https://${host}`])]
    stdout.line(`Removing login credentials for ${host}`)
    const failures: string[] = []
    for (const name of names)
      try {
        await credentialStore(config, name).erase(name)
      } catch (error) {
        failures.push(`${name}: ${messageOf(error)}`)
      }
    if (failures.length === names.length)
      stderr.write(`WARNING: could not erase credentials:\n${failures.map(line => `${line}\n`).join('')}`)
    return 0
  },
}
