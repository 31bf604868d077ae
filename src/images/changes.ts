import { notImplemented } from '../errdefs.ts'
import type { ExecutionConfig } from '../oci/image-config.ts'

/**
 * What `--change` of import and commit does to a configuration: each change is one Dockerfile instruction. The builder
 * knows these; this room is only handed the function. It throws InvalidArgument in dockerd's words.
 */
export type ApplyChanges = (config: ExecutionConfig, changes: readonly string[]) => ExecutionConfig

/** For an engine without a builder. */
export const refuseChanges: ApplyChanges = (config, changes) => {
  if (changes.length > 0) throw notImplemented('changes to an image need the builder, and this engine has none')
  return config
}
