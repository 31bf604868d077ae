import { internal, invalidArgument, messageOf, TareError } from '../errdefs.ts'
import { RuntimeError } from '../runtime/oci-runtime.ts'

/** Docker's exit codes for a process that never ran: not found, not executable, anything else. */
const NOT_FOUND = 127
const NOT_EXECUTABLE = 126
const UNKNOWN = 128

export type StartFailure = { readonly error: TareError; readonly exitCode: number }

/** What the runtime's refusal means to the user, in Docker's words and with its exit code. */
export const startFailure = (cause: unknown): StartFailure => {
  if (cause instanceof TareError) return { error: cause, exitCode: UNKNOWN }
  const said = messageOf(cause)
  if (!(cause instanceof RuntimeError)) return { error: internal(said, { cause }), exitCode: UNKNOWN }
  const message = `failed to create task for container: failed to create shim task: OCI runtime create failed: ${said}`
  const contains = (...texts: string[]): boolean => texts.some(text => said.toLowerCase().includes(text))
  if (
    contains('exec:') &&
    contains('executable file not found', 'no such file or directory', 'system cannot find the file specified')
  ) {
    return { error: invalidArgument(message, { cause }), exitCode: NOT_FOUND }
  }
  if (contains('not a directory') && contains('mount')) {
    const hint =
      ': Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type'
    return { error: invalidArgument(`${message}${hint}`, { cause }), exitCode: NOT_FOUND }
  }
  if (contains('permission denied', 'is a directory') && contains('exec')) {
    return { error: invalidArgument(message, { cause }), exitCode: NOT_EXECUTABLE }
  }
  return { error: internal(message, { cause }), exitCode: UNKNOWN }
}
