import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unavailable } from '../../errdefs.ts'
import { CommandError, exec, spawnProcess } from '../../host/exec.ts'
import { hostPlatform } from '../../oci/platform.ts'
import { debianMirrors, type Mirrors, mirrorsForContainers, parseAptSources } from './apt-sources.ts'
import type { Suite } from './catalogue.ts'
import { settleTimes } from './settle-tree.ts'
import { checksValidUntil, tidyDebian } from './tidy-debian.ts'

const HOST_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
/** Makes /bin and the like links into /usr where the suite wants it so. */
const MERGED_USR_HOOK = '/usr/share/mmdebstrap/hooks/maybe-merged-usr'
/** Debian's names where they are not Go's. */
const ARCHITECTURES: Readonly<Record<string, string>> = { arm: 'armhf', '386': 'i386', ppc64le: 'ppc64el' }

export type DebianRequest = {
  readonly suite: Suite
  readonly slim: boolean
  /** An empty directory, which becomes the root of the system. */
  readonly root: string
  readonly onStatus: (status: string) => void
  readonly signal: AbortSignal | undefined
}

/** Installs a minimal Debian with mmdebstrap, from the mirror that this host uses. Gives the time of its newest file, in milliseconds. */
export const installDebian = async ({
  suite,
  slim,
  root,
  onStatus,
  signal,
}: DebianRequest): Promise<{ epoch: number; command: string }> => {
  const begun = Date.now()
  const mirrors = debianMirrors(hostSources())
  const { stdout: aptConfig } = await exec(['apt-config', 'dump'], { signal }).catch(error => {
    throw missingProgram(error, 'apt')
  })
  let checkValidUntil = checksValidUntil(aptConfig)
  let keyring = HOST_KEYRING
  using scratch = scratchDirectory()
  for (;;) {
    try {
      await runMmdebstrap({
        suite,
        root,
        mirrors,
        keyring,
        checkValidUntil,
        proxies: proxyOptions(aptConfig),
        onStatus,
        signal,
      })
      break
    } catch (error) {
      const complaint = error instanceof CommandError ? error.stderr : ''
      if (checkValidUntil && /is expired|not valid anymore|no longer valid/.test(complaint)) {
        onStatus('The index of the mirror has run out; going on without asking for its age')
        checkValidUntil = false
      } else if (
        keyring === HOST_KEYRING &&
        /NO_PUBKEY|Missing key|no public key|does not exist|not signed/i.test(complaint)
      ) {
        onStatus("This host's keyring does not know the suite; fetching a newer one")
        keyring = await fetchKeyring(scratch.path, signal)
      } else throw missingProgram(error, 'mmdebstrap')
      for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true, force: true })
    }
  }
  onStatus('Removing the traces of the installation')
  tidyDebian(root, { suite, slim, mirrors: mirrorsForContainers(mirrors), checkValidUntil })
  return { epoch: await settleTimes(root, begun), command: `mmdebstrap --variant=minbase ${suite.name}` }
}

type Run = {
  readonly suite: Suite
  readonly root: string
  readonly mirrors: Mirrors
  readonly keyring: string
  readonly checkValidUntil: boolean
  readonly proxies: readonly string[]
  readonly onStatus: (status: string) => void
  readonly signal: AbortSignal | undefined
}

const runMmdebstrap = ({
  suite,
  root,
  mirrors,
  keyring,
  checkValidUntil,
  proxies,
  onStatus,
  signal,
}: Run): Promise<void> => {
  const { architecture } = hostPlatform()
  const source = (uri: string, name: string): string => `deb [signed-by=${keyring}] ${uri} ${name} main`
  const options = [
    'Acquire::Languages "none"',
    ...proxies,
    ...(checkValidUntil ? [] : ['Acquire::Check-Valid-Until "false"']),
  ]
  return runProgram(
    [
      'mmdebstrap',
      '--mode=root',
      '--variant=minbase',
      '--format=directory',
      `--architectures=${ARCHITECTURES[architecture] ?? architecture}`,
      ...(existsSync(MERGED_USR_HOOK) ? [`--hook-dir=${MERGED_USR_HOOK}`] : []),
      ...(suite.include.length > 0 ? [`--include=${suite.include.join(',')}`] : []),
      ...options.map(option => `--aptopt=${option}`),
      suite.name,
      root,
      source(mirrors.main, suite.name),
      source(mirrors.main, `${suite.name}-updates`),
      source(mirrors.security, `${suite.name}-security`),
    ],
    // Scripts that write today's date (`/etc/shadow` has one) write this one.
    { ...process.env, SOURCE_DATE_EPOCH: String(suite.released), LC_ALL: 'C', TZ: 'UTC' },
    onStatus,
    signal,
  )
}

/** Runs a program that must be asked to stop, since it has mounts and children of its own to take down. */
const runProgram = (
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  onStatus: (status: string) => void,
  signal: AbortSignal | undefined,
): Promise<void> => {
  signal?.throwIfAborted()
  // A process group of its own, so that its children hear the signal too.
  const child = spawnProcess(argv, { env, stdio: ['ignore', 'ignore', 'pipe'], detached: true })
  const stop = (): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM')
  }
  signal?.addEventListener('abort', stop, { once: true })
  let tail = ''
  let line = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    tail = (tail + chunk.toString()).slice(-4096)
    const lines = (line + chunk.toString()).split(/[\r\n]/)
    line = lines.pop() ?? ''
    for (const text of lines) if (text.startsWith('I: ')) onStatus(text.slice(3))
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  child.once('error', (error: NodeJS.ErrnoException) =>
    reject(new CommandError(argv, { code: error.code ?? 'unknown', cause: error })),
  )
  child.once('close', (exitCode, ended) => {
    if (signal?.aborted) reject(signal.reason)
    else if (exitCode === 0) resolve()
    else reject(new CommandError(argv, { exitCode: exitCode ?? undefined, signal: ended ?? undefined, stderr: tail }))
  })
  return promise.finally(() => signal?.removeEventListener('abort', stop))
}

const hostSources = () => {
  const directory = '/etc/apt/sources.list.d'
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(directory)
      ? readdirSync(directory)
          .sort()
          .map(name => join(directory, name))
      : []),
  ]
  return files
    .filter(file => /\.(list|sources)$/.test(file) && existsSync(file))
    .flatMap(file => parseAptSources(readFileSync(file, 'utf8'), file))
}

/** What this host needs to get out; it does not stay in the image. */
const proxyOptions = (aptConfig: string): string[] =>
  aptConfig
    .split('\n')
    .filter(line => /^Acquire::(https?|ftp)::Proxy/i.test(line))
    .map(line => line.replace(/;$/, ''))

/** The newest keyring that this host's own apt vouches for: an old release's updates bring the keys of newer ones. */
const fetchKeyring = async (directory: string, signal: AbortSignal | undefined): Promise<string> => {
  const deb = await downloadPackage('debian-archive-keyring', directory, signal)
  await exec(['dpkg-deb', '-x', deb, join(directory, 'keyring')], { signal })
  const found = ['gpg', 'pgp']
    .map(kind => join(directory, `keyring/usr/share/keyrings/debian-archive-keyring.${kind}`))
    .find(existsSync)
  if (!found) throw unavailable('the package debian-archive-keyring has no keyring')
  return found
}

/** Fetches a package with this host's apt, and says where it lies. */
export const downloadPackage = async (
  name: string,
  directory: string,
  signal: AbortSignal | undefined,
): Promise<string> => {
  // apt hands the download to a user of its own, who may not read the daemon's directories.
  const target = join(directory, 'download')
  mkdirSync(target, { recursive: true })
  const download = () => exec(['apt-get', '-o', 'APT::Sandbox::User=root', 'download', name], { cwd: target, signal })
  try {
    await download()
  } catch (error) {
    if (!(error instanceof CommandError) || error.code !== undefined) throw missingProgram(error, 'apt')
    // The lists may be missing or old.
    await exec(['apt-get', 'update', '-q'], { signal })
    await download()
  }
  const file = readdirSync(target).find(entry => entry.startsWith(`${name}_`))
  if (file === undefined) throw unavailable(`apt did not give the package ${name}`)
  return join(target, file)
}

export const scratchDirectory = (): Disposable & { readonly path: string } => {
  const path = mkdtempSync(join(tmpdir(), 'tare-bootstrap-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const missingProgram = (error: unknown, name: string): unknown =>
  error instanceof CommandError && error.code === 'ENOENT'
    ? unavailable(`${name} is not installed, and base images are made with it: apt-get install ${name}`, {
        cause: error,
      })
    : error
