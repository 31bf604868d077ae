import { ConnectionError, DaemonError } from '../api/client.ts'
import { messageOf } from '../errdefs.ts'

/** Ends the command with this code; the message, when there is one, is what stderr shows. */
export class Failure extends Error {
  readonly exitCode: number

  constructor(exitCode: number, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'Failure'
    this.exitCode = exitCode
  }
}

/** What the user reads of anything thrown. */
export const describe = (error: unknown): string => {
  if (error instanceof ConnectionError) return error.message
  if (error instanceof DaemonError) return `Error response from daemon: ${error.message}`
  return messageOf(error)
}
