import { mkdirSync, rmSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { invalidArgument } from '../../errdefs.ts'
import { resolveInside } from '../../runtime/user.ts'
import type { ContextTree } from './context-tree.ts'
import { treeOfDirectory } from './directory-tree.ts'
import type { GitAccess } from './git-program.ts'
import { GitProgram, withoutPasswords } from './git-program.ts'
import type { GitPlace } from './git-url.ts'

const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/

export type GitCheckout = {
  /** With what history there is, for those who want it. */
  readonly keepGitDir: boolean
  /** Where contents may be spooled; see `Spool`. */
  readonly spool: string
}

/** One repository, asked for one place in it. What is fetched lies in a directory of its own until the object goes. */
export class GitRepository implements AsyncDisposable {
  readonly #place: GitPlace
  readonly #git: GitProgram
  readonly #directory: string
  readonly #signal: AbortSignal
  #reference = ''

  /** `directory`: a new path, which `dispose` removes. Unavailable: there is no git. */
  constructor(place: GitPlace, directory: string, access: Omit<GitAccess, 'home'>, signal: AbortSignal) {
    this.#place = place
    this.#directory = directory
    this.#signal = signal
    this.#git = new GitProgram({ ...access, home: directory }, signal)
    mkdirSync(directory, { mode: 0o700 })
  }

  /** The commit that the place means now. InvalidArgument: there is none such, or not the one that was expected. */
  async resolve(): Promise<string> {
    const { ref, url, checksum } = this.#place
    const commit = COMMIT.test(ref) ? ref : await this.#ask()
    if (checksum !== undefined && !commit.startsWith(checksum.toLowerCase()))
      throw invalidArgument(`expected checksum to match ${checksum}, got ${commit} (${withoutPasswords(url)})`)
    return commit
  }

  async #ask(): Promise<string> {
    const { ref, url } = this.#place
    const wanted = ref === '' ? 'HEAD' : ref
    const listed = await this.#git.run(['ls-remote', '--', url, wanted, `${wanted}^{}`])
    const found = new Map(
      listed
        .split('\n')
        .map(line => line.split('\t'))
        .map(([commit = '', name = '']) => [name, commit]),
    )
    for (const name of [wanted, `refs/${wanted}`, `refs/heads/${wanted}`, `refs/tags/${wanted}`]) {
      const commit = found.get(`${name}^{}`) ?? found.get(name)
      if (commit === undefined) continue
      this.#reference = name
      return commit
    }
    throw invalidArgument(`repository does not contain ref ${wanted}`)
  }

  /** Fetches a commit that `resolve` gave. The tree is the caller's. */
  async checkout(commit: string, { keepGitDir, spool }: GitCheckout): Promise<ContextTree> {
    const { directory, submodules, url } = this.#place
    const work = join(this.#directory, 'tree')
    mkdirSync(work)
    const git = (...args: readonly string[]): Promise<string> => this.#git.run(args, work)
    await git('init', '-q', '--template=')
    await git('remote', 'add', 'origin', url)
    await this.#fetch(git, commit)
    await git('checkout', '-q', '--detach', commit)
    const hasModules = submodules && statSync(join(work, '.gitmodules'), { throwIfNoEntry: false })?.isFile()
    if (hasModules) await git('submodule', 'update', '-q', '--init', '--recursive', '--depth', '1')
    const seconds = BigInt((await git('log', '-1', '--format=%ct', commit)).trim())
    const keeps = keepGitDir && directory === ''
    if (keeps) {
      rmSync(join(work, '.git/FETCH_HEAD'), { force: true })
      await git('remote', 'set-url', 'origin', url.replace(/(\w:\/\/)[^/@]+@/, '$1'))
    }
    const wanted = resolveInside(work, directory)
    if (wanted === undefined || !statSync(wanted, { throwIfNoEntry: false })?.isDirectory())
      throw invalidArgument(`${directory}: no such directory in ${withoutPasswords(url)}`)
    const options = { spool, mtime: seconds * 1_000_000_000n, skip: keeps ? [] : ['.git'] }
    return await treeOfDirectory(wanted, options, this.#signal)
  }

  /** Only the one commit, where the server can do that; else everything. */
  async #fetch(git: (...args: readonly string[]) => Promise<string>, commit: string): Promise<void> {
    const one = ['fetch', '-q', '--no-tags', '--no-recurse-submodules', '--depth', '1', 'origin']
    const wanted = [commit, ...(this.#reference === '' ? [] : [this.#reference])]
    for (const name of wanted) {
      try {
        await git(...one, name)
        await git('cat-file', '-e', `${commit}^{commit}`)
        return
      } catch {
        this.#signal.throwIfAborted()
      }
    }
    const all = ['+refs/heads/*:refs/remotes/origin/*', '+refs/tags/*:refs/tags/*']
    await git('fetch', '-q', '--no-recurse-submodules', 'origin', ...all)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true })
  }
}
