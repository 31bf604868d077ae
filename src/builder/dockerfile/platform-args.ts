import { formatPlatform, hostPlatform, type Platform } from '../../oci/platform.ts'

/**
 * Arguments that nobody has to give. `stage`: the name of the target, if it has one.
 * https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope
 */
export const platformArgs = (target: Platform | undefined, stage?: string): Readonly<Record<string, string>> => {
  const build = hostPlatform()
  const describe = (prefix: string, platform: Platform): [string, string][] => [
    [`${prefix}PLATFORM`, formatPlatform(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}OSVERSION`, platform['os.version'] ?? ''],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant ?? ''],
  ]
  return Object.fromEntries([
    ...describe('BUILD', build),
    ...describe('TARGET', target ?? build),
    ['TARGETSTAGE', stage ?? 'default'],
  ])
}
