import { lstatSync } from 'node:fs'
import { lgetxattr, lsetxattr, mknod, S_IFCHR } from '../../host/syscalls.ts'
import type { ByteString } from './byte-string.ts'

/**
 * The two notations for "gone from the layers below": marker files in archives
 * (https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts), devices and attributes under overlayfs
 * (https://docs.kernel.org/filesystems/overlayfs.html#whiteouts-and-opaque-directories).
 */
export const WHITEOUT_PREFIX = '.wh.'
export const OPAQUE_MARKER = '.wh..wh..opq'
/** Names with this prefix are aufs' own book-keeping and mean nothing here. */
export const AUFS_PREFIX = '.wh..wh.'

const OPAQUE_ATTRIBUTE = 'trusted.overlay.opaque'

/** overlayfs' own attributes: one in a foreign layer could point a file or directory at another. */
export const isOverlayAttribute = (name: ByteString): boolean =>
  name.startsWith('trusted.overlay.') || name.startsWith('user.overlay.')

/** Attributes that belong to a file's content, and not to the host that it lay on. */
export const isPortableAttribute = (name: ByteString): boolean =>
  name === 'security.capability' ||
  name.startsWith('system.posix_acl_') ||
  ((name.startsWith('user.') || name.startsWith('trusted.')) && !isOverlayAttribute(name))

export const makeWhiteout = (path: string | Buffer): void => mknod(path, S_IFCHR, 0n)

export const isWhiteout = (path: string | Buffer): boolean => {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  return stat?.isCharacterDevice() === true && stat.rdev === 0
}

export const makeOpaque = (directory: string | Buffer): void => lsetxattr(directory, OPAQUE_ATTRIBUTE, Buffer.from('y'))

export const isOpaque = (directory: string | Buffer): boolean =>
  lgetxattr(directory, OPAQUE_ATTRIBUTE)?.toString() === 'y'
