import { CommandError, exec } from '../host/exec.ts'

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

/** Runs one verb of the runtime. Throws RuntimeError with what it said. */
export const callRuntime = async (runtime: OciRuntime, verb: readonly string[], stdin?: string): Promise<string> => {
  try {
    return (await exec([runtime.path, ...runtimeArgs(runtime), ...verb], { stdin })).stdout
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    if (error.code !== undefined) throw new RuntimeError(`fork/exec ${runtime.path}: ${error.code}`, { cause: error })
    throw new RuntimeError(runtimeMessage(error.stderr), { cause: error })
  }
}
