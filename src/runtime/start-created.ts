import { callRuntime, type OciRuntime } from './oci-runtime.ts'

/** Lets a created container's process go. Throws RuntimeError. */
export const startCreated = async (runtime: OciRuntime, id: string): Promise<void> => {
  await callRuntime(runtime, ['start', id])
}
