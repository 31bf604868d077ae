import { messageOf } from '../../errdefs.ts'
import { CommandError } from '../../host/exec.ts'
import type { AuthConfig } from './auth-config.ts'

/** The user's name that says: the secret is an identity token. */
const TOKEN = '<token>'
const UNKNOWN = 'credentials not found in native keychain'

/**
 * A program `docker-credential-NAME` that keeps secrets; it is given a verb, reads its standard input and answers with JSON.
 * https://github.com/docker/docker-credential-helpers#development
 */
export class CredentialHelper {
  readonly #program: string

  constructor(name: string) {
    this.#program = `docker-credential-${name}`
  }

  /** Empty where it has none. Throws an Error in Docker's words, as do the others. */
  async get(server: string): Promise<AuthConfig> {
    const { text, failure } = await this.#run('get', server)
    if (failure !== undefined) {
      if (text === UNKNOWN) return {}
      throw new Error(`error getting credentials - err: ${failure}, out: \`${text}\``)
    }
    const { Username = '', Secret = '' } = JSON.parse(text) as { Username?: string; Secret?: string }
    return {
      ...(Username === TOKEN ? { identitytoken: Secret } : { username: Username, password: Secret }),
      serveraddress: server,
    }
  }

  async store({ serveraddress = '', username = '', password = '', identitytoken = '' }: AuthConfig): Promise<void> {
    const [Username, Secret] = identitytoken === '' ? [username, password] : [TOKEN, identitytoken]
    const { text, failure } = await this.#run(
      'store',
      `${JSON.stringify({ ServerURL: serveraddress, Username, Secret })}\n`,
    )
    if (failure !== undefined) throw new Error(`error storing credentials - err: ${failure}, out: \`${text}\``)
  }

  async erase(server: string): Promise<void> {
    const { text, failure } = await this.#run('erase', server)
    if (failure !== undefined) throw new Error(`error erasing credentials - err: ${failure}, out: \`${text}\``)
  }

  /** The servers that it has something for. */
  async list(): Promise<string[]> {
    const { text, failure } = await this.#run('list', 'unused')
    if (failure !== undefined) throw new Error(`error listing credentials - err: ${failure}, out: \`${text}\``)
    return Object.keys((JSON.parse(text) as Record<string, string> | null) ?? {})
  }

  /** What it printed; `failure`: how it ended, in Go's words, when not well. Its stderr is the user's. */
  async #run(verb: string, input: string): Promise<{ text: string; failure: string | undefined }> {
    const { exec } = await import('../../host/exec.ts')
    const chunks: Buffer[] = []
    const text = (): string => Buffer.concat(chunks).toString().trim()
    try {
      await exec([this.#program, verb], {
        stdin: input,
        onStdout: chunk => chunks.push(chunk),
        onStderr: chunk => process.stderr.write(chunk),
      })
      return { text: text(), failure: undefined }
    } catch (error) {
      return { text: text(), failure: endOf(this.#program, error) }
    }
  }
}

const endOf = (program: string, error: unknown): string => {
  if (!(error instanceof CommandError)) return messageOf(error)
  if (error.code === 'ENOENT') return `exec: "${program}": executable file not found in $PATH`
  if (error.code !== undefined)
    return `fork/exec ${program}: ${error.code === 'EACCES' ? 'permission denied' : error.code}`
  return error.signal === undefined ? `exit status ${error.exitCode}` : `signal: ${error.signal}`
}
