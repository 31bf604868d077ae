import type { ContainerInspect } from '../../api/container.ts'
import { between, type Command } from '../command.ts'
import { Failure } from '../failure.ts'

export const command: Command = {
  usage: 'CONTAINER [PRIVATE_PORT[/PROTO]]',
  args: between(1, 2),
  action: async ({ client, stdout }, _, [name = '', wanted]) => {
    const { NetworkSettings } = await client.get<ContainerInspect>(`/containers/${encodeURIComponent(name)}/json`)
    const address = (ip: string | undefined, port: string | undefined): string =>
      ip?.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
    const ports = NetworkSettings.Ports ?? {}
    if (wanted !== undefined) {
      const [port = '', protocol = 'tcp'] = wanted.split('/', 2)
      if (!/^\d+$/.test(port))
        throw new Failure(1, `Error: invalid port (${port}): strconv.ParseUint: parsing "${port}": invalid syntax`)
      const bindings = ports[`${port}/${protocol}`]
      if (!bindings) throw new Failure(1, `Error: No public port '${wanted}' published for ${name}`)
      const lines = bindings.map(binding => address(binding.HostIp, binding.HostPort))
      for (const line of lines.sort()) stdout.line(line)
      return 0
    }
    const lines = Object.entries(ports).flatMap(([port, bindings]) =>
      (bindings ?? []).map(binding => ({
        number: Number.parseInt(port, 10),
        text: `${port} -> ${address(binding.HostIp, binding.HostPort)}`,
      })),
    )
    for (const { text } of lines.sort((a, b) => a.number - b.number || (a.text < b.text ? -1 : 1))) stdout.line(text)
    return 0
  },
}
