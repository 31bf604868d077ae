import { isKind, messageOf } from '../../errdefs.ts'
import { atMost, type Command, type Context, PROGRAM } from '../command.ts'
import { type AuthConfig, HUB_ADDRESS, hostOf } from '../credentials/auth-config.ts'
import { describe, Failure } from '../failure.ts'
import type { Flags } from '../flags/flags.ts'

type Answer = { readonly Status: string; readonly IdentityToken?: string }

export const command: Command = {
  usage: '[OPTIONS] [SERVER]',
  description: 'Authenticate to a registry.\nDefaults to Docker Hub if no server is specified.',
  flags: `
  -p, --password string   Password or Personal Access Token (PAT)
      --password-stdin    Take the Password or Personal Access Token (PAT) from stdin
  -u, --username string   Username
`,
  args: atMost(1),
  action: async (context, flags, [server = '']) => {
    checkFlags(flags)
    const { stdout, stderr } = context
    const username = flags.string('username').trim()
    let password = flags.string('password')
    if (password !== '') stderr.line('WARNING! Using --password via the CLI is insecure. Use --password-stdin.')
    if (flags.bool('password-stdin')) password = await readPassword()
    const address = ['', 'docker.io', HUB_ADDRESS].includes(server) ? HUB_ADDRESS : hostOf(server)
    const stored = username === '' && password === '' ? await storedCredentials(context, address) : {}
    const { username: known = '', password: kept = '' } = stored
    const status =
      (known !== '' && kept !== '' ? await loginAgain(context, { ...stored, serveraddress: address }) : undefined) ??
      (await loginAnew(context, address, username, password, known))
    if (status !== '') stdout.line(status)
    return 0
  },
}

const checkFlags = (flags: Flags): void => {
  if (flags.changed('password-stdin')) {
    if (flags.changed('password'))
      throw new Failure(1, 'conflicting options: cannot specify both --password and --password-stdin')
    if (!flags.changed('username')) throw new Failure(1, 'the --password-stdin option requires --username to be set')
  }
  for (const name of ['username', 'password'])
    if (flags.changed(name) && flags.string(name) === '') throw new Failure(1, `${name} is empty`)
}

/** All of standard input but the last line's end. */
const readPassword = async (): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
    .toString()
    .replace(/\r?\n?$/, '')
}

/** An identity token is no password: who has one is asked again. */
const storedCredentials = async ({ config }: Context, address: string): Promise<AuthConfig> => {
  const { credentialStore } = await import('../credentials/credential-store.ts')
  try {
    const { identitytoken: _, ...stored } = await credentialStore(config, address).get(address)
    return stored
  } catch {
    return {}
  }
}

/** Undefined when what is stored does not do any more. */
const loginAgain = async (context: Context, auth: AuthConfig): Promise<string | undefined> => {
  const { stderr } = context
  stderr.line(`Authenticating with existing credentials... [Username: ${auth.username}]`)
  const { printNote } = await import('../format/note.ts')
  printNote(stderr, `To login with a different account, run '${PROGRAM} logout' followed by '${PROGRAM} login'`)
  stderr.write('\n\n')
  let answer: Answer
  try {
    answer = await authenticate(context, auth)
  } catch (error) {
    stderr.line(
      isKind(error, 'Unauthorized')
        ? 'Stored credentials invalid or expired'
        : `Login did not succeed, error: ${describe(error)}`,
    )
    return undefined
  }
  await keep(context, auth, answer)
  return answer.Status
}

const loginAnew = async (
  context: Context,
  address: string,
  username: string,
  password: string,
  known: string,
): Promise<string> => {
  const { isatty } = await import('node:tty')
  if ((username === '' || password === '') && !isatty(0))
    throw new Failure(1, 'Error: Cannot perform an interactive login from a non TTY device')
  const auth =
    username !== '' && password !== ''
      ? { username, password, serveraddress: address }
      : await askFor(context, address, username, password, known)
  const answer = await authenticate(context, auth)
  await keep(context, auth, answer)
  return answer.Status
}

const REGISTER =
  "Log in with your Docker ID or email address to push and pull images from Docker Hub. If you don't have a Docker ID, head over to https://hub.docker.com/ to create one."
const TOKENS =
  'You can log in with your password or a Personal Access Token (PAT). Using a limited-scope PAT grants better security and is required for organizations using SSO. Learn more at https://docs.docker.com/go/access-tokens/'

const askFor = async (
  { stdout, stderr }: Context,
  address: string,
  username: string,
  password: string,
  known: string,
): Promise<AuthConfig> => {
  const isHub = address === HUB_ADDRESS
  const { Prompt } = await import('../prompt.ts')
  using prompt = new Prompt(stdout)
  let name = username
  if (name === '') {
    if (isHub) stdout.line(`${REGISTER}\n${TOKENS}\n`)
    name = (await prompt.ask(known === '' ? 'Username: ' : `Username (${known}): `)) || known
    if (name === '') throw new Failure(1, 'Error: Non-null Username Required')
  }
  let secret = password.trim()
  if (secret === '') {
    if (isHub) {
      const { printNote } = await import('../format/note.ts')
      const link = 'https://app.docker.com/settings'
      printNote(
        stderr,
        `A Personal Access Token (PAT) can be used instead.\nTo create a PAT, visit \x1b[4m${link}\x1b[0m\n\n`,
      )
    }
    secret = await prompt.askSecret('Password: ')
    if (secret === '') throw new Failure(1, 'Error: Password Required')
  }
  return { username: name, password: secret, serveraddress: address }
}

const authenticate = ({ client }: Context, auth: AuthConfig): Promise<Answer> =>
  client.post<Answer>('/auth', { json: auth })

const keep = async ({ config, stderr }: Context, auth: AuthConfig, { IdentityToken }: Answer): Promise<void> => {
  const { credentialStore } = await import('../credentials/credential-store.ts')
  const { password: _, ...withoutPassword } = auth
  const kept = IdentityToken ? { ...withoutPassword, identitytoken: IdentityToken } : auth
  let isPlain: boolean
  try {
    isPlain = await credentialStore(config, auth.serveraddress ?? '').store(kept)
  } catch (error) {
    throw new Failure(1, `Error saving credentials: ${messageOf(error)}`, { cause: error })
  }
  if (isPlain)
    stderr.write(
      `\nWARNING! Your credentials are stored unencrypted in '${config.path}'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n\n`,
    )
}
