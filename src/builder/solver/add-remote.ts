import { isGitUrl } from '../context/git-url.ts'
import type { RemoteSources } from '../context/remote-sources.ts'
import { SyntaxProblem } from '../dockerfile/dockerfile-error.ts'
import { cacheKey } from './cache-key.ts'
import { chooseSources } from './choose-sources.ts'
import { digestSources } from './digest-sources.ts'
import type { Selected } from './select-sources.ts'

/** What a step takes, as far as it is known without opening it. */
export type CopyPart = {
  /** Changes with what is taken. */
  readonly digest: string
  readonly kind: 'file' | 'dir'
  select(): Promise<readonly Selected[]>
}

export type RemoteWish = {
  /** Of a file its digest with `sha256:`, of a repository the start of its commit. */
  readonly checksum: string | undefined
  readonly keepGitDir: boolean | undefined
  readonly unpack: boolean
  readonly exclude: readonly string[]
}

/** Whether a source of ADD lies elsewhere. */
export const isRemote = (source: string): boolean =>
  (isGitUrl(source) && !source.startsWith('github.com/')) || /^https?:\/\//.test(source)

/** What ADD takes from a URL. A repository is fetched only when no earlier build has done the same with its commit. */
export const addRemote = async (
  remote: RemoteSources,
  url: string,
  { checksum, keepGitDir, unpack, exclude }: RemoteWish,
): Promise<CopyPart> => {
  if (!isGitUrl(url)) {
    const { tree, name } = await remote.file(url, checksum === undefined ? undefined : digestOf(checksum))
    const path = Buffer.from(name).toString('latin1')
    const selected = [{ tree, path, name: path, unpack }]
    const { mtime = 0n } = tree.entry(path) ?? {}
    return {
      // The server's time is the same wherever one builds.
      digest: cacheKey('url', digestSources(selected), String(mtime)),
      kind: 'file',
      select: () => Promise.resolve(selected),
    }
  }
  const repository = await remote.repository(url, { keepGitDir, checksum })
  const { commit, directory } = repository
  return {
    digest: cacheKey('git', commit, directory, String(repository.keepGitDir), exclude),
    kind: 'dir',
    select: async () => {
      const tree = await repository.tree()
      return await chooseSources(tree, ['/'], { keyword: 'ADD', kind: 'stage', parents: false, exclude })
    },
  }
}

/** @throws SyntaxProblem */
const digestOf = (checksum: string): string => {
  const [, algorithm, hex = ''] = /^([^:]+):(.*)$/.exec(checksum) ?? []
  if (algorithm === undefined) throw new SyntaxProblem('invalid checksum digest format')
  if (algorithm !== 'sha256') throw new SyntaxProblem('unsupported digest algorithm')
  if (!/^[0-9a-f]{64}$/.test(hex)) throw new SyntaxProblem('invalid checksum digest length')
  return hex
}
