import { readFileSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { NO_SUCH_THING } from '../../api/build-session.ts'
import type { Secret } from './provisions.ts'

/** Sends a secret's bytes. Read when it is wanted, and kept nowhere. */
export const sendSecret = (channel: Duplex, { env, file }: Secret): void => {
  const value = env === undefined ? readFileSync(file) : process.env[env]
  if (value === undefined) throw new Error(NO_SUCH_THING)
  channel.end(value)
  channel.resume()
}
