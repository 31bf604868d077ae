import { randomBytes } from 'node:crypto'
import { readFile, realpath } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { fileFault } from '../create/environment.ts'
import { ignoreRules, type LocalContext, prepareFault, readIgnoreText, realDirectory } from './local-context.ts'
import type { ExtraFile } from './pack-context.ts'

/** What a build is made from. */
export type BuildContext = {
  /** Undefined when there are no files of ours: the daemon fetches them, or needs none. */
  readonly local: LocalContext | undefined
  /** A URL that the daemon fetches. */
  readonly remote: string | undefined
  readonly dockerfile: {
    /** In the context, as far as it lies there; '' for the usual one. */
    readonly path: string
    readonly inside: boolean
    /** Where we have it. */
    readonly text: string | undefined
    /** The name that the user knows it by. */
    readonly shownName: string
  }
  /** What the ignore file says; for the classic protocol, which keeps some files nevertheless. */
  readonly ignoreText: string
}

const REMOTE = /^(https?:\/\/|git(@|:\/\/)|ssh:\/\/|github\.com\/)/

/** `PATH | URL | -` and `-f`. Throws Failure in Docker's words. */
export const openContext = async (location: string, file: string): Promise<BuildContext> => {
  if (location === '-' && file === '-')
    throw prepareFault("invalid argument: can't use stdin for both build context and dockerfile")
  if (location === '-') return await fromStdin(file)
  if (!REMOTE.test(location)) return await fromDirectory(location, file)
  const text = file === '-' ? (await readStdin()).toString() : undefined
  const path = file === '-' ? '' : file
  const dockerfile = { path, inside: text === undefined, text, shownName: path || 'Dockerfile' }
  return { local: undefined, remote: location, dockerfile, ignoreText: '' }
}

const TAR_MAGICS: readonly (readonly [number, Buffer])[] = [
  [257, Buffer.from('ustar')],
  [0, Buffer.from([0x1f, 0x8b, 0x08])],
  [0, Buffer.from('BZh')],
  [0, Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a])],
  [0, Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
]

/** A tar, compressed or not, or a Dockerfile: told apart by its first bytes. */
const fromStdin = async (file: string): Promise<BuildContext> => {
  const chunks = process.stdin[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  let head: Buffer = Buffer.alloc(0)
  while (head.length < 512) {
    const { value, done } = await chunks.next()
    if (done) break
    head = Buffer.concat([head, value as Buffer])
  }
  if (TAR_MAGICS.some(([at, magic]) => head.subarray(at, at + magic.length).equals(magic))) {
    const body = (async function* () {
      yield head
      for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value as Buffer
    })()
    const dockerfile = { path: file, inside: true, text: undefined, shownName: file || 'Dockerfile' }
    return { local: { kind: 'archive', body }, remote: undefined, dockerfile, ignoreText: '' }
  }
  const parts = [head]
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) parts.push(next.value as Buffer)
  const text = Buffer.concat(parts).toString()
  const dockerfile = { path: 'Dockerfile', inside: false, text, shownName: 'Dockerfile' }
  return { local: undefined, remote: undefined, dockerfile, ignoreText: '' }
}

const fromDirectory = async (location: string, file: string): Promise<BuildContext> => {
  const root = await realDirectory(location)
  const wanted = file === '' ? join(root, 'Dockerfile') : resolve(file)
  const [data, path] = file === '-' ? [await readStdin(), undefined] : await readDockerfile(wanted, file === '')
  const inside = path === undefined ? undefined : relative(root, path)
  const isInside = inside !== undefined && inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside)
  const own = path === undefined ? [] : [`${path}.dockerignore`]
  const ignoreText = await readIgnoreText(...own, join(root, '.dockerignore'))
  const shownName = file === '' || file === '-' ? 'Dockerfile' : (file.split('/').at(-1) as string)
  return {
    local: { kind: 'directory', root, rules: await ignoreRules(ignoreText) },
    remote: undefined,
    dockerfile: { path: isInside ? inside : 'Dockerfile', inside: isInside, text: data.toString(), shownName },
    ignoreText,
  }
}

/** `usual`: nobody has named it, so that `dockerfile` will do, too. */
const readDockerfile = async (wanted: string, usual: boolean): Promise<[Buffer, string]> => {
  const names = usual ? [wanted, join(dirname(wanted), 'dockerfile')] : [wanted]
  let fault: unknown
  for (const name of names) {
    try {
      const path = await realpath(name)
      return [await readFile(path), path]
    } catch (error) {
      fault ??= error
    }
  }
  throw prepareFault(`unable to evaluate symlinks in Dockerfile path: ${fileFault('lstat', wanted, fault)}`, fault)
}

const readStdin = async (): Promise<Buffer> => {
  const parts: Buffer[] = []
  for await (const chunk of process.stdin) parts.push(chunk as Buffer)
  return Buffer.concat(parts)
}

/** The context as the classic protocol sends it, and the Dockerfile's name in it. */
export const packClassic = async ({
  local,
  dockerfile,
  ignoreText,
}: BuildContext): Promise<{ body: AsyncIterable<Uint8Array> | undefined; dockerfile: string }> => {
  if (local?.kind === 'archive') return { body: local.body, dockerfile: dockerfile.path }
  const { text } = dockerfile
  if (local === undefined) {
    if (text === undefined) return { body: undefined, dockerfile: dockerfile.path }
    return { body: packFiles([{ name: 'Dockerfile', data: Buffer.from(text) }]), dockerfile: 'Dockerfile' }
  }
  const [{ packContext }, { parseIgnoreRules }] = await Promise.all([
    import('./pack-context.ts'),
    import('./ignore-rules.ts'),
  ])
  // One from elsewhere travels under a name that no file of the context has.
  const name = dockerfile.inside ? dockerfile.path : `.dockerfile.${randomBytes(10).toString('hex')}`
  const rules = parseIgnoreRules(ignoreText, ['.dockerignore', ...(dockerfile.inside ? [name] : [])])
  const extra = dockerfile.inside ? [] : [{ name, data: Buffer.from(text ?? '') }]
  return { body: packContext(local.root, rules, extra), dockerfile: name }
}

async function* packFiles(files: readonly ExtraFile[]): AsyncGenerator<Buffer> {
  const { END, padding, tarHeader } = await import('./tar-writer.ts')
  for (const { name, data } of files) {
    const stat = { mode: 0o600, mtimeMs: 0, size: data.length, rdev: 0 }
    yield Buffer.concat([tarHeader({ name, type: 'file', stat }), data, padding(data.length)])
  }
  yield END
}
