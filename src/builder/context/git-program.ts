import { codeOf, invalidArgument, unavailable } from '../../errdefs.ts'
import { CommandError, exec } from '../../host/exec.ts'
import { findProgram } from '../../host/find-program.ts'

export type GitAccess = {
  /** A directory of our own: what git must not read or leave in the user's home. */
  readonly home: string
  /** Where an ssh agent listens. */
  readonly agent: string | undefined
  /** The value of an `Authorization` header for `url`'s server. */
  readonly authorization: { readonly url: string; readonly value: string } | undefined
}

/** Runs the `git` program: without hooks, the system's settings, or anybody to ask. */
export class GitProgram {
  readonly #git: string
  readonly #env: NodeJS.ProcessEnv
  readonly #signal: AbortSignal

  /** Unavailable: there is no git. */
  constructor({ home, agent, authorization }: GitAccess, signal: AbortSignal) {
    const git = findProgram('git')
    if (git === undefined) throw unavailable('git repositories need the program git, which is not installed here')
    this.#git = git
    this.#signal = signal
    const settings: [string, string][] = [
      ['core.hooksPath', '/dev/null'],
      ['protocol.allow', 'never'],
      ...['https', 'http', 'git', 'ssh'].map((name): [string, string] => [`protocol.${name}.allow`, 'always']),
      ['advice.detachedHead', 'false'],
      ['init.defaultBranch', 'main'],
      ['gc.auto', '0'],
    ]
    // In the environment, which only we and root can read, not in the arguments, which all can.
    if (authorization) settings.push([`http.${authorization.url}.extraHeader`, `Authorization: ${authorization.value}`])
    this.#env = {
      ...proxies(),
      PATH: process.env.PATH,
      HOME: home,
      LC_ALL: 'C',
      GIT_TERMINAL_PROMPT: '0',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_COUNT: String(settings.length),
      ...Object.fromEntries(
        settings.flatMap(([key, value], at) => [
          [`GIT_CONFIG_KEY_${at}`, key],
          [`GIT_CONFIG_VALUE_${at}`, value],
        ]),
      ),
      // A server's key is believed when it is first seen, as it is for BuildKit, which asks for it just before.
      GIT_SSH_COMMAND: `ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=${home}/known_hosts`,
      ...(agent === undefined ? {} : { SSH_AUTH_SOCK: agent }),
    }
  }

  /** What it prints. InvalidArgument with git's own words when it fails. */
  async run(args: readonly string[], cwd?: string): Promise<string> {
    try {
      const { stdout } = await exec([this.#git, ...args], { env: this.#env, cwd, signal: this.#signal })
      return stdout
    } catch (error) {
      this.#signal.throwIfAborted()
      if (!(error instanceof CommandError) || codeOf(error) !== undefined) throw error
      throw invalidArgument(`git ${args[0]} failed: ${withoutPasswords(error.stderr.trim())}`, { cause: error })
    }
  }
}

/** git repeats URLs as they were given. */
export const withoutPasswords = (text: string): string => text.replace(/(\w:\/\/)[^/@\s]+@/g, '$1xxxxx@')

const proxies = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'SSL_CERT_FILE', 'SSL_CERT_DIR']
      .map(name => [name, process.env[name]] as const)
      .filter(([, value]) => value !== undefined),
  )
