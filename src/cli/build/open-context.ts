import { randomBytes } from 'node:crypto'
import { readFile, realpath, stat } from 'node:fs/promises'
import { isAbsolute, join, relative, resolve, sep } from 'node:path'
import { codeOf } from '../../errdefs.ts'
import { fileFault } from '../create/environment.ts'
import { Failure } from '../failure.ts'
import { parseIgnoreRules } from './ignore-rules.ts'
import { type ExtraFile, packContext } from './pack-context.ts'

/** What a build is made from. */
export type BuildContext = {
  /** Undefined when the daemon fetches it itself. */
  readonly body: AsyncIterable<Uint8Array> | undefined
  readonly remote: string | undefined
  /** Path of the Dockerfile within the context; '' for the usual one. */
  readonly dockerfile: string
  /** The Dockerfile's text where we have it, for showing where an error is. */
  readonly source: string | undefined
  /** The name that the user knows it by. */
  readonly shownName: string
}

/** `PATH | URL | -` and `-f`. Throws Failure in Docker's words. */
export const openContext = async (location: string, file: string): Promise<BuildContext> => {
  if (location === '-' && file === '-')
    throw fault("invalid argument: can't use stdin for both build context and dockerfile")
  if (location === '-') return await fromStdin(file)
  if (/^(https?:\/\/|git(@|:\/\/)|github\.com\/)/.test(location))
    return { body: undefined, remote: location, dockerfile: file, source: undefined, shownName: file || 'Dockerfile' }
  return await fromDirectory(location, file)
}

const fault = (message: string, cause?: unknown): Failure =>
  new Failure(1, `unable to prepare context: ${message}`, { cause })

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
    return { body, remote: undefined, dockerfile: file, source: undefined, shownName: file || 'Dockerfile' }
  }
  const parts = [head]
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) parts.push(next.value as Buffer)
  return onlyDockerfile(Buffer.concat(parts))
}

const onlyDockerfile = (data: Buffer): BuildContext => ({
  body: packContextOf([{ name: 'Dockerfile', data }]),
  remote: undefined,
  dockerfile: 'Dockerfile',
  source: data.toString(),
  shownName: 'Dockerfile',
})

async function* packContextOf(files: readonly ExtraFile[]): AsyncGenerator<Buffer> {
  const { END, padding, tarHeader } = await import('./tar-writer.ts')
  for (const { name, data } of files) {
    const stat = { mode: 0o600, mtimeMs: 0, size: data.length, rdev: 0 }
    yield Buffer.concat([tarHeader({ name, type: 'file', stat }), data, padding(data.length)])
  }
  yield END
}

const fromDirectory = async (location: string, file: string): Promise<BuildContext> => {
  let root: string
  try {
    root = await realpath(location)
    if (!(await stat(root)).isDirectory()) throw fault(`context must be a directory: ${root}`)
  } catch (error) {
    if (error instanceof Failure) throw error
    throw codeOf(error) === 'ENOENT'
      ? fault(`path ${JSON.stringify(location)} not found`, error)
      : fault((error as Error).message, error)
  }
  const wanted = file === '' ? join(root, 'Dockerfile') : resolve(file)
  const [data, path] = file === '-' ? [await readStdin(), undefined] : await readDockerfile(wanted)
  const inside = path === undefined ? undefined : relative(root, path)
  const isInside = inside !== undefined && inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside)
  // One from elsewhere travels under a name that no file of the context has.
  const name = isInside ? inside : `.dockerfile.${randomBytes(10).toString('hex')}`
  const ignoreFile = isInside ? await readIgnoreFile(root, name) : await readIgnoreFile(root, '')
  const rules = parseIgnoreRules(ignoreFile, ['.dockerignore', ...(isInside ? [name] : [])])
  const extra = isInside ? [] : [{ name, data }]
  return {
    body: packContext(root, rules, extra),
    remote: undefined,
    dockerfile: name,
    source: data.toString(),
    shownName: file === '' || file === '-' ? 'Dockerfile' : (file.split('/').at(-1) as string),
  }
}

const readDockerfile = async (wanted: string): Promise<[Buffer, string]> => {
  try {
    const path = await realpath(wanted)
    return [await readFile(path), path]
  } catch (error) {
    throw fault(`unable to evaluate symlinks in Dockerfile path: ${fileFault('lstat', wanted, error)}`, error)
  }
}

const readStdin = async (): Promise<Buffer> => {
  const parts: Buffer[] = []
  for await (const chunk of process.stdin) parts.push(chunk as Buffer)
  return Buffer.concat(parts)
}

/** `<Dockerfile>.dockerignore` counts before the context's own. */
const readIgnoreFile = async (root: string, dockerfile: string): Promise<string> => {
  for (const name of dockerfile === '' ? ['.dockerignore'] : [`${dockerfile}.dockerignore`, '.dockerignore']) {
    try {
      return await readFile(join(root, name), 'utf8')
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw fault(fileFault('open', join(root, name), error), error)
    }
  }
  return ''
}
