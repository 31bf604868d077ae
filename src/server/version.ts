import { invalidArgument } from '../errdefs.ts'

/** The newest API version that is spoken, and the version of a request that names none. */
export const API_VERSION = '1.52'
export const MINIMUM_API_VERSION = '1.24'

/** Below 0: `a` is older. Compares number by number, as `1.9` is older than `1.24`. */
export const compareVersions = (a: string, b: string): number => {
  const [left, right] = [a.split('.'), b.split('.')]
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = Number(left[index] || 0) - Number(right[index] || 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** Throws InvalidArgument, in dockerd's words, for a version that is not spoken. */
export const checkVersion = (version: string): void => {
  if (compareVersions(version, MINIMUM_API_VERSION) < 0) {
    throw invalidArgument(
      `client version ${version} is too old. Minimum supported API version is ${MINIMUM_API_VERSION}, please upgrade your client to a newer version`,
    )
  }
  if (compareVersions(version, API_VERSION) > 0) {
    throw invalidArgument(`client version ${version} is too new. Maximum supported API version is ${API_VERSION}`)
  }
}
