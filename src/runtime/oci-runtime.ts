import { messageOf } from '../errdefs.ts'
import { SyscallError } from '../host/libc.ts'
import { type ProgramResult, runProgram } from '../host/posix-spawn.ts'

/** An OCI runtime's program, e.g. runc. https://github.com/opencontainers/runtime-spec/blob/main/runtime.md */
export type OciRuntime = {
  /** As `--runtime` names it. */
  readonly name: string
  readonly path: string
  readonly args: readonly string[]
  /** Its `--root`: where it keeps the state of containers. */
  readonly root: string
}

/** What the runtime itself said, without its log prefix. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError'
}

/** The message inside runc's last log line (text format), or the text as it is. */
export const runtimeMessage = (stderr: string): string => {
  const lines = stderr.trim().split('\n')
  for (const line of lines.reverse()) {
    const quoted = /\bmsg=("(?:[^"\\]|\\.)*")/.exec(line)?.[1]
    if (quoted === undefined) continue
    try {
      return JSON.parse(quoted) as string
    } catch {
      return quoted.slice(1, -1)
    }
  }
  return stderr.trim()
}

/** Arguments common to every call. */
export const runtimeArgs = (runtime: OciRuntime): string[] => [...runtime.args, '--root', runtime.root]

/** Runs one verb of the runtime and gives what it printed. Throws RuntimeError with what it said. */
export const callRuntime = async (runtime: OciRuntime, verb: readonly string[]): Promise<string> => {
  let ended: ProgramResult
  try {
    ended = await runProgram(runtime.path, [...runtimeArgs(runtime), ...verb])
  } catch (cause) {
    throw new RuntimeError(
      `fork/exec ${runtime.path}: ${cause instanceof SyscallError ? cause.reason : messageOf(cause)}`,
      { cause },
    )
  }
  if (ended.exitCode === 0) return ended.stdout
  throw new RuntimeError(runtimeMessage(ended.stderr) || `${runtime.path} ${verb[0]} ended with ${ended.exitCode}`)
}
