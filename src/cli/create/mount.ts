import { isAbsolute, resolve } from 'node:path'
import type { Mount } from '../../api/container.ts'
import { parseBytes } from '../flags/bytes.ts'
import { parseBool } from '../flags/flag-type.ts'

type Options = {
  bind: Record<string, unknown>
  volume: Record<string, unknown>
  tmpfs: Record<string, unknown>
  image: Record<string, unknown>
}

/** One line of CSV: commas part the fields, quotes hold them together. */
export const splitFields = (text: string): string[] => {
  const fields: string[] = []
  for (const match of text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g))
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '')
  return fields
}

/** `--mount type=bind,source=/a,target=/b,readonly`. Throws in Docker's words. */
export const parseMount = (spec: string): Mount => {
  const mount: { Type: string; Source?: string; Target?: string; ReadOnly?: boolean; Consistency?: string } = {
    Type: 'volume',
  }
  const options: Options = { bind: {}, volume: {}, tmpfs: {}, image: {} }
  for (const field of splitFields(spec)) {
    const equals = field.indexOf('=')
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase()
    const value = equals < 0 ? undefined : field.slice(equals + 1)
    if (
      value === undefined &&
      !['readonly', 'ro', 'volume-nocopy', 'bind-nonrecursive', 'bind-create-src'].includes(key)
    )
      throw new Error(`invalid field '${field}' must be a key=value pair`)
    const flag = (): boolean => {
      try {
        return value === undefined || parseBool(value)
      } catch {
        throw new Error(`invalid value for ${key}: ${value}`)
      }
    }
    switch (key) {
      case 'type':
        mount.Type = (value as string).toLowerCase()
        break
      case 'source':
      case 'src':
        mount.Source = value?.startsWith('.') ? resolve(value) : value
        break
      case 'target':
      case 'dst':
      case 'destination':
        mount.Target = value as string
        break
      case 'readonly':
      case 'ro':
        mount.ReadOnly = flag()
        break
      case 'consistency':
        mount.Consistency = value?.toLowerCase()
        break
      default:
        setOption(options, key, value, flag, field)
    }
  }
  return finish(mount, options)
}

const setOption = (
  options: Options,
  key: string,
  value: string | undefined,
  flag: () => boolean,
  field: string,
): void => {
  switch (key) {
    case 'bind-propagation':
      options.bind.Propagation = value?.toLowerCase()
      return
    case 'bind-nonrecursive':
      options.bind.NonRecursive = flag()
      return
    case 'bind-create-src':
      options.bind.CreateMountpoint = flag()
      return
    case 'bind-recursive': {
      const ways: Record<string, Record<string, boolean>> = {
        enabled: {},
        disabled: { NonRecursive: true },
        writable: { ReadOnlyNonRecursive: true },
        readonly: { ReadOnlyForceRecursive: true },
      }
      const way = ways[value ?? '']
      if (!way)
        throw new Error(`invalid value for ${key}: ${value} (must be "enabled", "disabled", "writable", or "readonly")`)
      Object.assign(options.bind, way)
      return
    }
    case 'volume-subpath':
      options.volume.Subpath = value
      return
    case 'volume-nocopy':
      options.volume.NoCopy = flag()
      return
    case 'volume-label':
      options.volume.Labels = { ...(options.volume.Labels as object), ...pair(value ?? '') }
      return
    case 'volume-driver':
      options.volume.DriverConfig = { ...(options.volume.DriverConfig as object), Name: value }
      return
    case 'volume-opt': {
      const config = (options.volume.DriverConfig ?? {}) as { Options?: object }
      options.volume.DriverConfig = { ...config, Options: { ...config.Options, ...pair(value ?? '') } }
      return
    }
    case 'image-subpath':
      options.image.Subpath = value
      return
    case 'tmpfs-size':
      try {
        options.tmpfs.SizeBytes = parseBytes(value ?? '')
      } catch {
        throw new Error(`invalid value for ${key}: ${value}`)
      }
      return
    case 'tmpfs-mode':
      if (!/^[0-7]+$/.test(value ?? '')) throw new Error(`invalid value for ${key}: ${value}`)
      options.tmpfs.Mode = Number.parseInt(value as string, 8)
      return
    default:
      throw new Error(`unexpected key '${key}' in '${field}'`)
  }
}

const pair = (text: string): Record<string, string> => {
  const equals = text.indexOf('=')
  return equals < 0 ? { [text]: '' } : { [text.slice(0, equals)]: text.slice(equals + 1) }
}

const finish = (
  mount: { Type: string; Source?: string; Target?: string; ReadOnly?: boolean },
  options: Options,
): Mount => {
  const { Type, Target } = mount
  if (Type === '') throw new Error('type is required')
  if (!Target) throw new Error('target is required')
  for (const kind of ['volume', 'bind', 'tmpfs', 'image'] as const)
    if (Type !== kind && Object.keys(options[kind]).length > 0)
      throw new Error(`cannot mix '${kind}-*' options with mount type '${Type}'`)
  if (options.bind.ReadOnlyNonRecursive && !mount.ReadOnly)
    throw new Error("option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction")
  if (options.bind.ReadOnlyForceRecursive) {
    if (!mount.ReadOnly)
      throw new Error("option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction")
    if (options.bind.Propagation !== 'rprivate')
      throw new Error(
        "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction",
      )
  }
  const given = (value: Record<string, unknown>): Record<string, unknown> | undefined =>
    Object.keys(value).length > 0 ? value : undefined
  return {
    ...mount,
    BindOptions: given(options.bind),
    VolumeOptions: given(options.volume),
    TmpfsOptions: given(options.tmpfs),
    ImageOptions: given(options.image),
  } as Mount
}

/** A `-v` value: the bind as the daemon wants it, or the target of an anonymous volume. */
export const parseVolume = (spec: string): { bind: string } | { target: string } => {
  const text = spec.trim()
  const parts = text.split(':')
  if (parts.length < 2 || parts.some(part => part === '')) return { target: text }
  const source = parts[0] as string
  if (!isAbsolute(source) && source.startsWith('.')) parts[0] = resolve(source)
  return { bind: parts.join(':') }
}
