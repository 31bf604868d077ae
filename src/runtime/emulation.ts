import { invalidArgument } from '../errdefs.ts'
import { type BinfmtHandler, handlersOf, readHandlers } from '../host/binfmt.ts'
import { formatPlatform, hostPlatform, type Platform } from '../oci/platform.ts'

/** The other architectures whose programs a processor runs by itself. */
const NATIVE: Readonly<Record<string, readonly string[]>> = { amd64: ['386'], arm64: ['arm'] }

export const runsNatively = ({ architecture }: Platform, host = hostPlatform()): boolean =>
  architecture === host.architecture || (NATIVE[host.architecture]?.includes(architecture) ?? false)

/**
 * Throws InvalidArgument, which says what to install, when the kernel could not run the programs of a platform.
 * `isInside`: whether there is a file at this path for whoever runs in the root file system.
 */
export const requireRunnable = async (
  platform: Platform,
  isInside: (path: string) => boolean,
  handlersNow: () => Promise<readonly BinfmtHandler[]> = readHandlers,
): Promise<void> => {
  const host = hostPlatform()
  if (runsNatively(platform, host)) return
  const { architecture } = platform
  const found = handlersOf(architecture, await handlersNow())
  if (found.some(({ flags, interpreter }) => flags.includes('F') || isInside(interpreter))) return
  const problem = `the image's platform (${formatPlatform(platform)}) cannot run on this host (${formatPlatform(host)})`
  const [handler] = found
  if (!handler) {
    throw invalidArgument(
      `${problem}: its kernel has no handler for ${architecture} programs. To emulate them: apt-get install qemu-user-static binfmt-support (with systemd's binfmt instead of binfmt-support: systemctl restart systemd-binfmt)`,
    )
  }
  throw invalidArgument(
    `${problem}: the kernel's handler ${handler.name} for ${architecture} programs is registered without the F flag, so its interpreter would have to be in the container, and ${handler.interpreter} is not. Register it with F (Debian's qemu-user-static does: apt-get install --reinstall qemu-user-static binfmt-support), or mount it: -v ${handler.interpreter}:${handler.interpreter}:ro`,
  )
}
