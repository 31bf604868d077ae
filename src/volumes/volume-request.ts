import { invalidArgument, notImplemented } from '../errdefs.ts'

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/

/** Throws InvalidArgument in dockerd's words. */
export const checkName = (name: string): void => {
  if (name.length === 1) {
    throw invalidArgument(
      `create ${name}: volume name is too short, names should be at least two alphanumeric characters`,
    )
  }
  if (!NAME.test(name)) {
    throw invalidArgument(
      `create ${name}: ${JSON.stringify(name)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    )
  }
}

const KNOWN = new Set(['type', 'o', 'device', 'size'])
const REQUIRES: Readonly<Record<string, readonly string[]>> = {
  device: ['type'],
  type: ['device'],
  o: ['device', 'type'],
}

/** What the local driver takes: a bound directory. Throws InvalidArgument; NotImplemented for what Docker would mount. */
export const checkOptions = (name: string, options: Readonly<Record<string, string>>): void => {
  for (const option of Object.keys(options)) {
    if (!KNOWN.has(option)) throw invalidArgument(`create ${name}: invalid option: ${JSON.stringify(option)}`)
  }
  for (const option of Object.keys(options)) {
    const missing = REQUIRES[option]?.find(required => options[required] === undefined)
    if (missing !== undefined)
      throw invalidArgument(`create ${name}: missing required option: ${JSON.stringify(missing)}`)
  }
  if (options.size !== undefined) throw invalidArgument(`create ${name}: quota size requested but no quota support`)
  const flags = (options.o ?? '').split(',')
  if (options.device !== undefined && !flags.includes('bind') && !flags.includes('rbind')) {
    throw notImplemented(
      `create ${name}: volumes of type ${options.type} are not supported by Tare: only type=none with o=bind is`,
    )
  }
  const others = flags.filter(flag => flag !== 'bind' && flag !== 'rbind' && flag !== 'rw')
  if (options.device !== undefined && others.length > 0) {
    throw notImplemented(`create ${name}: the mount option ${others[0]} is not supported by Tare for a bound volume`)
  }
}
