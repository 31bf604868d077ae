import { posix } from 'node:path'
import type { BuildContexts } from '../context/build-contexts.ts'
import type { ContextTree } from '../context/context-tree.ts'
import { SyntaxProblem } from '../dockerfile/dockerfile-error.ts'
import { expandDocument } from '../dockerfile/expand.ts'
import { heredocContent } from '../dockerfile/heredoc.ts'
import type { CopyInstruction } from '../dockerfile/instruction.ts'
import { addRemote, type CopyPart, isRemote } from './add-remote.ts'
import { cacheKey, copyKey } from './cache-key.ts'
import { chooseSources, pathsOf } from './choose-sources.ts'
import { digestSources } from './digest-sources.ts'
import { DocumentTree } from './document-tree.ts'
import type { EngineParts } from './engine-parts.ts'
import { executeCopy } from './execute-copy.ts'
import { MountedTree } from './mounted-tree.ts'
import { filesKey, type StageLayer, type StageState } from './stage-state.ts'
import { StepSnapshot } from './step-snapshot.ts'

/** Where a COPY takes files from: the files of a stage or image, or a context; '' is the main one. */
export type CopyOrigin = StageState | { readonly context: string }

export type CopyPlan = {
  readonly key: string
  /** How the history tells of it. */
  readonly comment: string
  execute(): Promise<StageLayer | undefined>
}

type CopyParts = {
  readonly parts: EngineParts
  readonly contexts: BuildContexts
  readonly expand: (word: string) => string
  readonly lookup: Parameters<typeof expandDocument>[1]
}

/** Works out what a COPY or ADD will do. @throws SyntaxProblem, InvalidArgument, or what opening a source throws */
export const planCopy = async (
  { parts, contexts, expand, lookup }: CopyParts,
  instruction: CopyInstruction,
  origin: CopyOrigin,
  state: StageState,
  signal: AbortSignal,
): Promise<CopyPlan> => {
  const { keyword, parents, exclude, checksum: wanted } = instruction
  const sources = instruction.sources.map(expand)
  const destination = absoluteDestination(expand(instruction.destination), state.config.WorkingDir || '/')
  const chown = instruction.chown === undefined ? undefined : expand(instruction.chown)
  const chmod = instruction.chmod === undefined ? undefined : expand(instruction.chmod)
  const documents = instruction.heredocs.map(heredoc => ({
    name: heredoc.name,
    content: heredoc.expand ? expandDocument(heredocContent(heredoc), lookup) : heredocContent(heredoc),
  }))

  const remote = keyword === 'ADD' ? sources.filter(isRemote) : []
  const patterns = sources.filter(source => !remote.includes(source))
  const checksum = wanted === undefined ? undefined : expand(wanted)
  if (checksum !== undefined) {
    if (remote.length === 0) throw new SyntaxProblem('checksum requires HTTP(S) or Git sources')
    if (sources.length > 1) throw new SyntaxProblem("checksum can't be specified for multiple sources")
  }
  const { keepGitDir, unpack } = instruction
  const choice = { keyword, parents, exclude }
  const taken: CopyPart[] = []
  for (const url of remote)
    taken.push(await addRemote(contexts.remote, url, { checksum, keepGitDir, unpack: unpack ?? false, exclude }))
  if (patterns.length > 0 && 'context' in origin) {
    const tree = await contexts.get(origin.context)
    taken.push(
      await ofContext(tree, patterns, { ...choice, kind: origin.context === '' ? 'context' : 'stage' }, signal),
    )
  }
  if (documents.length > 0) taken.push(ofDocuments(documents))

  const isRooted = !('context' in origin)
  const from = isRooted ? [cacheKey('from', filesKey(origin), patterns, parents ? 'parents' : '', exclude)] : []
  const digests = [...from, ...taken.map(({ digest }) => digest)]
  const [only = '', ...more] = digests
  const digest = more.length === 0 ? only : cacheKey('sources', digests)
  const flag = chown === undefined ? '' : `--chown=${chown} `
  const kind = taken.length === 1 && !isRooted ? await kindOf(taken[0] as CopyPart) : isRooted ? 'file' : 'multi'
  return {
    key: copyKey({
      ...{ files: filesKey(state), keyword, sources: digest, destination, owner: chown, mode: chmod },
      unpack: unpack === undefined ? '' : String(unpack),
    }),
    comment: `${keyword} ${flag}${kind}:${digest} in ${destination} `,
    execute: async () => {
      const unpacks = keyword === 'ADD' && unpack !== false
      const selected = (await Promise.all(taken.map(part => part.select()))).flat()
      const request = { keyword, destination, chown, chmod, unpacks }
      if (!isRooted) return await executeCopy(parts, state.layers, { ...request, selected }, signal)
      await using mounted = await StepSnapshot.mount(parts, origin.layers)
      using tree = new MountedTree(mounted.root)
      const found = await chooseSources(tree, patterns, { ...choice, kind: 'stage' })
      return await executeCopy(parts, state.layers, { ...request, selected: [...found, ...selected] }, signal)
    },
  }
}

const kindOf = async ({ kind, select }: CopyPart): Promise<string> =>
  kind === 'file' && (await select()).length > 1 ? 'multi' : kind

const ofContext = async (
  tree: ContextTree,
  patterns: readonly string[],
  choice: Parameters<typeof chooseSources>[2],
  signal: AbortSignal,
): Promise<CopyPart> => {
  const selected = await chooseSources(tree, patterns, choice)
  await tree.load(pathsOf(selected), signal)
  const [first, second] = selected
  const isDirectory = second === undefined && first?.tree.entry(first.path)?.type === 'directory'
  return {
    digest: digestSources(selected),
    kind: isDirectory ? 'dir' : 'file',
    select: () => Promise.resolve(selected),
  }
}

const ofDocuments = (documents: readonly { readonly name: string; readonly content: string }[]): CopyPart => {
  const tree = new DocumentTree(documents, BigInt(Math.floor(Date.now() / 1000)) * 1_000_000_000n)
  const selected = documents.map(({ name }) => {
    const path = Buffer.from(name).toString('latin1')
    return { tree, path, name: path }
  })
  return { digest: digestSources(selected), kind: 'file', select: () => Promise.resolve(selected) }
}

/** Relative ones start at the working directory. A slash at the end, also that of `.`, says that it is a directory. */
const absoluteDestination = (destination: string, workingDirectory: string): string => {
  const directory = destination === '' || /(?:^|\/)\.{0,2}$/.test(destination)
  const path = posix.resolve(workingDirectory, destination)
  return directory && path !== '/' ? `${path}/` : path
}
