import { type ByteString, toText } from '../../storage/archive/byte-string.ts'
import type { ContextTree } from './context-tree.ts'

/**
 * Takes out of a context what its `.dockerignore` names, for clients that did not do so themselves.
 * A file of the Dockerfile's own (`Dockerfile.dockerignore`) comes before the common one.
 */
export const applyIgnoreRules = async (tree: ContextTree, dockerfile: ByteString): Promise<void> => {
  const text = tree.text(`${dockerfile}.dockerignore`) ?? tree.text('.dockerignore')
  if (text === undefined || text.trim() === '') return
  const { default: dockerignore } = await import('@balena/dockerignore')
  const rules = dockerignore.default().add(text.replace(/^\uFEFF/, ''))
  tree.filter(path => !rules.ignores(toText(path)))
}
