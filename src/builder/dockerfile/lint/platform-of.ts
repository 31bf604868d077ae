import { parsePlatform } from '../../../oci/platform.ts'

/** System and architecture: what must be the same for an image to be the one that was asked for. */
export const platformOf = (text: string): string => {
  const { os, architecture } = parsePlatform(text)
  return `${os}/${architecture}`
}
