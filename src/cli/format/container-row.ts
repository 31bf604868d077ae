import type { ContainerSummary, PortSummary } from '../../api/container.ts'
import { Row } from '../template/value.ts'
import { ago, ellipsis, goTime, humanSize, shortId } from './units.ts'

export const CONTAINER_HEADERS = {
  ID: 'CONTAINER ID',
  Names: 'NAMES',
  Image: 'IMAGE',
  Command: 'COMMAND',
  CreatedAt: 'CREATED AT',
  RunningFor: 'CREATED',
  Ports: 'PORTS',
  State: 'STATE',
  Status: 'STATUS',
  Size: 'SIZE',
  Labels: 'LABELS',
  LocalVolumes: 'LOCAL VOLUMES',
  Mounts: 'MOUNTS',
  Networks: 'NETWORKS',
  Platform: 'PLATFORM',
}

export const CONTAINER_TABLE =
  '{{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.RunningFor}}\\t{{.Status}}\\t{{.Ports}}\\t{{.Names}}'

/** A container as `ps` formats it. `trunc`: short IDs, commands and mounts. */
export const containerRow = (container: ContainerSummary, trunc: boolean, now = Date.now() / 1000): Row => {
  const names = (container.Names ?? []).map(name => name.replace(/^\//, ''))
  const own = names.filter(name => !name.includes('/'))
  return new Row('*formatter.ContainerContext', {
    ID: () => (trunc ? shortId(container.Id) : container.Id),
    Names: () => (trunc ? own : names).join(','),
    Image: () => imageName(container, trunc),
    Command: () => JSON.stringify(trunc ? ellipsis(container.Command, 20) : container.Command),
    CreatedAt: () => goTime(container.Created),
    RunningFor: () => ago(container.Created, now),
    Platform: () => null,
    Ports: () => displayPorts(container.Ports ?? []),
    State: () => container.State,
    Status: () => container.Status,
    Size: () => {
      const size = humanSize(container.SizeRw ?? 0, 3)
      return (container.SizeRootFs ?? 0) > 0
        ? `${size} (virtual ${humanSize(container.SizeRootFs as number, 3)})`
        : size
    },
    Labels: () =>
      Object.entries(container.Labels ?? {})
        .map(([key, value]) => `${key}=${value}`)
        .sort()
        .join(','),
    Label: (name: string) => container.Labels?.[name] ?? '',
    Mounts: () =>
      (container.Mounts ?? [])
        .map(mount => mount.Name || mount.Source)
        .map(name => (trunc ? ellipsis(name, 15) : name))
        .join(','),
    LocalVolumes: () => String((container.Mounts ?? []).filter(mount => mount.Driver === 'local').length),
    Networks: () => Object.keys(container.NetworkSettings?.Networks ?? {}).join(','),
  })
}

const imageName = ({ Image, ImageID }: ContainerSummary, trunc: boolean): string => {
  if (Image === '') return '<no image>'
  if (!trunc) return Image
  if (shortId(ImageID) === shortId(Image)) return shortId(ImageID)
  // A digest tells the same as its tag, only longer.
  return Image.replace(/^(.*:[\w.-]+)@sha256:[0-9a-f]{64}$/, '$1').replace(/^sha256:([0-9a-f]{12})[0-9a-f]+$/, '$1')
}

/** `0.0.0.0:80->80/tcp, 90-91/udp`: neighbouring ports of one address as a range. */
export const displayPorts = (ports: readonly PortSummary[]): string => {
  const sorted = [...ports].sort(
    (a, b) =>
      a.PrivatePort - b.PrivatePort ||
      compare(a.IP ?? '', b.IP ?? '') ||
      (a.PublicPort ?? 0) - (b.PublicPort ?? 0) ||
      compare(a.Type, b.Type),
  )
  const groups = new Map<string, { first: number; last: number }>()
  const singles: string[] = []
  const order: string[] = []
  const shown: string[] = []
  for (const port of sorted) {
    const address = port.IP === undefined || port.IP === '' ? '' : port.IP.includes(':') ? `[${port.IP}]` : port.IP
    if (port.IP && port.PublicPort !== port.PrivatePort) {
      singles.push(`${address}:${port.PublicPort}->${port.PrivatePort}/${port.Type}`)
      continue
    }
    const key = `${address}/${port.Type}`
    const group = groups.get(key)
    if (group && group.last + 1 === port.PrivatePort) group.last = port.PrivatePort
    else {
      if (group) shown.push(displayGroup(key, group))
      else order.push(key)
      groups.set(key, { first: port.PrivatePort, last: port.PrivatePort })
    }
  }
  for (const key of order) shown.push(displayGroup(key, groups.get(key) as { first: number; last: number }))
  return [...shown, ...singles].join(', ')
}

const displayGroup = (key: string, { first, last }: { first: number; last: number }): string => {
  const slash = key.lastIndexOf('/')
  const range = first === last ? String(first) : `${first}-${last}`
  const address = key.slice(0, slash)
  return `${address === '' ? '' : `${address}:${range}->`}${range}${key.slice(slash)}`
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
