import type { DeviceMapping, DeviceRequest } from '../../api/container.ts'
import { parseBytes } from '../flags/bytes.ts'
import { splitFields } from './mount.ts'

const CDI = /^[a-zA-Z][\w.-]*\/[a-zA-Z][\w-]*=[\w.:-]+$/

export const isCdiDevice = (spec: string): boolean => CDI.test(spec)

/** `--device /dev/src[:/dev/dst[:rwm]]`. Throws in Docker's words. */
export const parseDevice = (spec: string): DeviceMapping => {
  const [source = '', second, third, ...more] = spec.split(':')
  if (more.length > 0) throw new Error(`invalid device specification: ${spec}`)
  const isMode = (text: string): boolean => /^[rwm]{1,3}$/.test(text)
  if (third !== undefined && !isMode(third)) throw new Error(`bad mode specified: ${third}`)
  const secondIsMode = second !== undefined && third === undefined && isMode(second)
  const target = second === undefined || secondIsMode ? source : second
  for (const path of [source, target]) if (!path.startsWith('/')) throw new Error(`${path} is not an absolute path`)
  return { PathOnHost: source, PathInContainer: target, CgroupPermissions: third ?? (secondIsMode ? second : 'rwm') }
}

export const checkDeviceCgroupRule = (value: string): string => {
  if (/^[acb] (\d+|\*):(\d+|\*) [rwm]{1,3}$/.test(value)) return value
  throw new Error(`invalid device cgroup format '${value}'`)
}

const splitDevice = (value: string): [string, string] => {
  const colon = value.indexOf(':')
  if (colon < 0) throw new Error(`bad format: ${value}`)
  if (!value.startsWith('/dev/')) throw new Error(`bad format for device path: ${value}`)
  return [value.slice(0, colon), value.slice(colon + 1)]
}

export const parseWeightDevice = (value: string): { Path: string; Weight: number } => {
  const [Path, text] = splitDevice(value)
  const Weight = Number(text)
  if (!/^\d+$/.test(text) || (Weight > 0 && (Weight < 10 || Weight > 1000)))
    throw new Error(`invalid weight for device: ${value}`)
  return { Path, Weight }
}

export const parseRateDevice = (value: string): { Path: string; Rate: number } => {
  const [Path, text] = splitDevice(value)
  try {
    return { Path, Rate: parseBytes(text) }
  } catch {
    throw new Error(
      `invalid rate for device: ${value}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb`,
    )
  }
}

export const parseIopsDevice = (value: string): { Path: string; Rate: number } => {
  const [Path, text] = splitDevice(value)
  if (!/^\d+$/.test(text))
    throw new Error(
      `invalid rate for device: ${value}. The correct format is <device-path>:<number>. Number must be a positive integer`,
    )
  return { Path, Rate: Number(text) }
}

/** `--gpus all`, `--gpus 2`, `--gpus device=0,capabilities=utility`. */
export const parseGpus = (value: string): DeviceRequest => {
  const request = {
    Driver: '',
    Count: 0,
    DeviceIDs: undefined as string[] | undefined,
    Capabilities: [['gpu']],
    Options: {} as Record<string, string>,
  }
  let counted = false
  for (const field of splitFields(value)) {
    const equals = field.indexOf('=')
    const key = equals < 0 ? 'count' : field.slice(0, equals)
    const text = equals < 0 ? field : field.slice(equals + 1)
    if (key === 'driver') request.Driver = text
    else if (key === 'count') {
      if (text !== 'all' && !/^[+-]?\d+$/.test(text))
        throw new Error(`invalid count (${text}): value must be either "all" or an integer: invalid syntax`)
      request.Count = text === 'all' ? -1 : Number(text)
      counted = true
    } else if (key === 'device') request.DeviceIDs = text.split(',')
    else if (key === 'capabilities') request.Capabilities = [[...text.split(','), 'gpu']]
    else if (key === 'options')
      for (const item of text.split(',')) request.Options[item.split('=')[0] as string] = item.split('=')[1] ?? ''
    else throw new Error(`unexpected key '${key}' in '${field}'`)
  }
  if (!counted && request.DeviceIDs === undefined) request.Count = 1
  return request
}
