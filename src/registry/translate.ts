import { forbidden, internal, notFound, type TareError, unauthorized, unavailable } from '../errdefs.ts'
import { familiarName, familiarRepository, type Reference } from '../oci/reference.ts'
import { RegistryError } from './registry-error.ts'
import { isTransient } from './retry.ts'

/** What was asked for when it failed. */
export type Errand = {
  readonly reference: Reference
  readonly action: 'pull' | 'push'
  /** Transient failures are told as Unavailable, for callers that try again themselves. dockerd has them as 500. */
  readonly tellTransient?: boolean
}

const statement = (error: RegistryError, { reference, action }: Errand): TareError | undefined => {
  const options = { cause: error }
  const { message } = error
  if (action === 'pull') {
    switch (error.code) {
      case 'DENIED':
        return notFound(
          `pull access denied for ${familiarRepository(reference)}, repository does not exist or may require 'docker login': ${message}`,
          options,
        )
      case 'MANIFEST_UNKNOWN':
        return notFound(`manifest for ${familiarName(reference)} not found: ${message}`, options)
      case 'NAME_UNKNOWN':
        return notFound(`repository ${familiarRepository(reference)} not found: ${message}`, options)
    }
  }
  if (error.code === 'DENIED') return forbidden(message, options)
  if (error.code === 'UNAUTHORIZED') return unauthorized(message, options)
  if (error.code === 'TOOMANYREQUESTS' || error.status === 429) return unavailable(message, options)
  return undefined
}

/** The one place where a registry's refusal becomes a kind of failure, in dockerd's words. Anything else stays as it is. */
export const translate = (error: unknown, errand: Errand): unknown => {
  if (!(error instanceof RegistryError)) return error
  const told = statement(error, errand)
  if (told !== undefined) return told
  return errand.tellTransient && isTransient(error)
    ? unavailable(error.message, { cause: error })
    : internal(error.message, { cause: error })
}
