import { type Challenge, parseChallenges } from './challenge.ts'
import type { Place } from './mirrors.ts'
import type { Transport } from './transport.ts'

/** A registry that has answered: where it is, how it is reached, what it asks for. */
export type Endpoint = {
  /** Without a slash at its end. */
  readonly base: string
  readonly isMirror: boolean
  readonly transport: Transport
  readonly challenges: readonly Challenge[]
}

/** Asks `GET /v2/`. Any answer will do; RegistryError when there is none. */
export const connectTo = async (place: Place, transport: Transport, signal?: AbortSignal): Promise<Endpoint> => {
  const url = new URL(`${place.url}/v2/`)
  await using answer = await transport.send({ method: 'GET', url, signal, timeout: transport.timeouts.ping })
  const challenges = answer.status === 401 ? parseChallenges(answer.headers['www-authenticate']) : []
  return { base: place.url, isMirror: place.isMirror, transport, challenges }
}
