import { randomBytes } from 'node:crypto'
import { messageOf } from '../../errdefs.ts'
import type { BuildClient } from '../build-client.ts'
import type { EngineParts } from './engine-parts.ts'
import { type StageState, shellOf } from './stage-state.ts'
import { StepSnapshot } from './step-snapshot.ts'

/**
 * Offers the client a shell in the state that a failed step began with: same user, directory and environment. Resolves when it
 * is left, at once when the client wants none. What was done in it is gone afterwards.
 */
export const offerShell = async (
  parts: EngineParts,
  client: Pick<BuildClient, 'shell'>,
  state: StageState,
  failed: { readonly step: string; readonly error: unknown; readonly env: readonly string[] },
  signal: AbortSignal,
): Promise<void> => {
  const terminal = await client.shell({ step: failed.step, message: messageOf(failed.error) }, signal)
  if (terminal === undefined) return
  try {
    const { config, platform, layers } = state
    await using snapshot = await StepSnapshot.mount(parts, layers)
    const [shell = '/bin/sh'] = shellOf(config)
    await parts.runStep(
      {
        id: randomBytes(16).toString('hex'),
        rootfs: snapshot.root,
        platform,
        args: [shell],
        env: failed.env,
        cwd: config.WorkingDir || '/',
        user: config.User ?? '',
        network: 'default',
        terminal,
      },
      () => undefined,
      signal,
    )
  } catch (error) {
    terminal.output.write(`${messageOf(error)}\r\n`)
  } finally {
    terminal.close()
  }
}
