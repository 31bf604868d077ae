import { type ByteString, toText } from '../../storage/archive/byte-string.ts'
import type { PathTest } from './narrowed-tree.ts'

/**
 * Patterns as `.dockerignore` has them, the last that fits decides: `**` means any directories, `!` takes an earlier one back. What
 * fits a directory fits all that is in it. One that begins with a slash fits nothing, as in BuildKit: paths have none.
 */
export const pathPatterns = async (patterns: readonly string[]): Promise<PathTest> => {
  const relative = patterns.filter(pattern => !/^!?\//.test(pattern))
  if (relative.length === 0) return () => false
  const { default: dockerignore } = await import('@balena/dockerignore')
  const rules = dockerignore.default().add(relative)
  return (path: ByteString) => rules.ignores(toText(path))
}
