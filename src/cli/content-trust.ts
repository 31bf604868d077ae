import { Failure } from './failure.ts'
import { parseBool } from './flags/flag-type.ts'
import type { Flags } from './flags/flags.ts'

/** Docker's signatures by Notary are gone from Docker too (29): to ask for them is refused, not passed over. */
export const refuseContentTrust = (flags: Flags): void => {
  const wanted = process.env.DOCKER_CONTENT_TRUST ?? ''
  const isOn = flags.changed('disable-content-trust')
    ? !flags.bool('disable-content-trust')
    : wanted !== '' && isTrue(wanted)
  if (isOn)
    throw new Failure(1, 'content trust is not supported: unset DOCKER_CONTENT_TRUST, or name the image by its digest')
}

/** Whatever is no boolean counts as yes, as with Docker. */
const isTrue = (text: string): boolean => {
  try {
    return parseBool(text)
  } catch {
    return true
  }
}
