import { execFileSync } from 'node:child_process'
import { createPrivateKey, randomUUID, sign, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { USER } from './registry-user.ts'
import { suiteRoot } from './suite-root.ts'

/** docker-registry forgives a clock that is off by this much; a token that is to end earlier has to lie. Seconds. */
const LEEWAY = 60

type Access = { readonly type: string; readonly name: string; readonly actions: readonly string[] }

export type TokenRequest = {
  readonly method: string
  readonly service: string | undefined
  readonly scopes: readonly string[]
  /** Who asked: a name with the right password, or nobody. */
  readonly user: string | undefined
  readonly grant: 'basic' | 'anonymous' | 'password' | 'refresh_token'
}

export type TokenServerOptions = {
  /** Seconds for which the registry takes a token; 300 when left out. */
  readonly lifetime?: number
  /** What is told as `expires_in`; nothing when left out. */
  readonly expiresIn?: number
  /** `token` is what Docker's first token servers say, `access_token` what OAuth does; `token` when left out. */
  readonly field?: 'token' | 'access_token'
  /** Whether nobody may pull; pushing always needs the user. */
  readonly anonymousPull?: boolean
  /** Gives a refresh token to who asks with `offline_token=true` or by OAuth. */
  readonly refreshTokens?: boolean
}

/** Docker's token authentication: https://distribution.github.io/distribution/spec/auth/token/ and …/oauth/. */
export class TokenServer implements AsyncDisposable {
  readonly issuer = 'tests'
  readonly service = 'registry.tests'
  /** PEM that the registry has to trust. */
  readonly certificate: string
  readonly requests: TokenRequest[] = []
  readonly refreshTokens = new Set<string>()
  /** May be changed while it runs. */
  options: TokenServerOptions
  /** So many of the next tokens have ended already when they are given. */
  stale = 0
  /** Answers every request with this status while it is set. */
  refuse: number | undefined
  readonly #server: Server
  readonly #key: ReturnType<typeof createPrivateKey>
  readonly #x5c: string

  private constructor(options: TokenServerOptions, server: Server) {
    this.options = options
    this.#server = server
    const folder = mkdtempSync(join(suiteRoot(), 'token-'))
    this.certificate = join(folder, 'certificate.pem')
    const key = join(folder, 'key.pem')
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=token']
    const made = ['-days', '2', '-keyout', key, '-out', this.certificate]
    execFileSync('openssl', ['req', '-x509', ...kind, ...made], { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#key = createPrivateKey(readFileSync(key))
    this.#x5c = new X509Certificate(readFileSync(this.certificate)).raw.toString('base64')
    server.on('request', (request: IncomingMessage, response: ServerResponse) => void this.#answer(request, response))
  }

  static async start(options: TokenServerOptions = {}): Promise<TokenServer> {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return new TokenServer(options, server)
  }

  get realm(): string {
    const address = this.#server.address()
    return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/token`
  }

  /** All scopes that were asked for, in their order. */
  get scopes(): string[] {
    return this.requests.flatMap(({ scopes }) => [...scopes])
  }

  #whoAsks(request: IncomingMessage, form: URLSearchParams): Pick<TokenRequest, 'user' | 'grant'> | undefined {
    if (request.method === 'POST') {
      if (form.get('grant_type') === 'refresh_token') {
        const known = this.refreshTokens.has(form.get('refresh_token') ?? '')
        return known ? { user: USER.name, grant: 'refresh_token' } : undefined
      }
      const right = form.get('username') === USER.name && form.get('password') === USER.password
      return right ? { user: USER.name, grant: 'password' } : undefined
    }
    const { authorization } = request.headers
    if (authorization === undefined) return { user: undefined, grant: 'anonymous' }
    const right = authorization === `Basic ${Buffer.from(`${USER.name}:${USER.password}`).toString('base64')}`
    return right ? { user: USER.name, grant: 'basic' } : undefined
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const url = new URL(request.url ?? '/', this.realm)
    const form = request.method === 'POST' ? new URLSearchParams(Buffer.concat(chunks).toString()) : url.searchParams
    const asker = this.#whoAsks(request, form)
    const scopes = form.getAll('scope').flatMap(scope => scope.split(' ').filter(Boolean))
    const service = form.get('service') ?? undefined
    this.requests.push({
      ...{ method: request.method ?? '', service, scopes, user: asker?.user },
      grant: asker?.grant ?? (request.method === 'POST' ? 'password' : 'basic'),
    })
    response.setHeader('Content-Type', 'application/json')
    if (this.refuse !== undefined || asker === undefined) {
      response.statusCode = this.refuse ?? 401
      response.end(JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'incorrect username or password' }] }))
      return
    }
    const { field = 'token', expiresIn, refreshTokens } = this.options
    const token = this.token(scopes, asker.user)
    const wantsMore = asker.grant === 'password' || form.get('offline_token') === 'true'
    const refresh_token = refreshTokens && wantsMore && asker.user !== undefined ? randomUUID() : undefined
    if (refresh_token) this.refreshTokens.add(refresh_token)
    response.end(
      JSON.stringify({
        [request.method === 'POST' ? 'access_token' : field]: token,
        ...(expiresIn !== undefined && { expires_in: expiresIn, issued_at: new Date().toISOString() }),
        ...(refresh_token && { refresh_token }),
      }),
    )
  }

  #granted(scope: string, user: string | undefined): Access | undefined {
    const [type = '', ...rest] = scope.split(':')
    const wanted = rest.pop()?.split(',') ?? []
    const { anonymousPull = false } = this.options
    const actions = wanted.filter(action => user !== undefined || (anonymousPull && action === 'pull'))
    return actions.length > 0 ? { type, name: rest.join(':'), actions } : undefined
  }

  /** What the registry takes for these scopes. */
  token(scopes: readonly string[], user: string | undefined): string {
    const now = Math.floor(Date.now() / 1000)
    const lifetime = this.stale > 0 ? -1 : (this.options.lifetime ?? 300)
    if (this.stale > 0) this.stale--
    const header = { typ: 'JWT', alg: 'ES256', x5c: [this.#x5c] }
    const claims = {
      ...{ iss: this.issuer, sub: user ?? '', aud: this.service, jti: randomUUID() },
      ...{ iat: now - LEEWAY, nbf: now - LEEWAY, exp: now + lifetime - LEEWAY },
      access: scopes.flatMap(scope => this.#granted(scope, user) ?? []),
    }
    const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
    const text = `${encode(header)}.${encode(claims)}`
    const signature = sign('sha256', Buffer.from(text), { key: this.#key, dsaEncoding: 'ieee-p1363' })
    return `${text}.${signature.toString('base64url')}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }
}
