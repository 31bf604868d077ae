import { chmodSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Lender, openMounts } from '../mounts/open-mounts.ts'
import type { StepMount } from '../mounts/step-mount.ts'
import type { EngineParts, OutputStream, RunStepRequest } from './engine-parts.ts'
import { MissingMountPoints } from './mount-points.ts'
import type { StageLayer } from './stage-state.ts'
import { StepFailed } from './step-failed.ts'
import { StepSnapshot } from './step-snapshot.ts'

export type RunRequest = Pick<
  RunStepRequest,
  'limits' | 'security' | 'id' | 'platform' | 'args' | 'env' | 'cwd' | 'user' | 'network'
> & {
  readonly mounts: readonly StepMount[]
  readonly lender: Lender
  /** For people: which step uses a cache. */
  readonly createdBy: string
  /** A here-document with an interpreter line of its own: it becomes a program that is run instead. */
  readonly script: string | undefined
}

/** Runs a command on top of `layers`; what it changed is the new layer. Throws StepFailed when it ends with other than 0. */
export const executeRun = async (
  parts: EngineParts,
  layers: readonly StageLayer[],
  { script, mounts, lender, createdBy, ...request }: RunRequest,
  onOutput: (stream: OutputStream, chunk: Buffer) => void,
  signal: AbortSignal,
): Promise<StageLayer | undefined> => {
  await using opened = await openMounts(parts, mounts, lender, { id: request.id, createdBy }, signal)
  await using snapshot = await StepSnapshot.mount(parts, layers)
  const { root } = snapshot
  const mountPoints = new MissingMountPoints(
    root,
    opened.specs.map(({ destination }) => destination),
  )
  const program = script === undefined ? undefined : placeScript(root, request.id, script)
  const args = program === undefined ? request.args : [program.path]
  const env = [...request.env, ...opened.env]
  const { exitCode } = await parts.runStep(
    { ...request, args, env, rootfs: root, mounts: opened.specs },
    onOutput,
    signal,
  )
  if (exitCode !== 0) throw new StepFailed(request.args, exitCode)
  program?.remove()
  mountPoints.remove()
  return await snapshot.commit(upper => mountPoints.tidy(upper))
}

const placeScript = (root: string, id: string, script: string): { path: string; remove: () => void } => {
  const { atime, mtime } = statSync(root)
  const path = `/.heredoc-${id}`
  const real = join(root, path)
  writeFileSync(real, script, { flag: 'wx' })
  chmodSync(real, 0o755)
  return {
    path,
    remove: () => {
      rmSync(real, { force: true })
      utimesSync(root, atime, mtime)
    },
  }
}
