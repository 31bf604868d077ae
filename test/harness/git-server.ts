import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { dirname, join } from 'node:path'
import { suiteRoot } from './suite-root.ts'
import { type Handler, WebServer } from './web-server.ts'

const IDENTITY = ['-c', 'user.name=n', '-c', 'user.email=e@x', '-c', 'init.defaultBranch=main']

/** Repositories on loopback, over http as git's own back end gives them. */
export class GitServer implements AsyncDisposable {
  readonly root = mkdtempSync(join(suiteRoot(), 'git'))
  readonly web: WebServer
  /** What an `Authorization` header has to be; undefined: nobody is asked. */
  authorization: string | undefined

  private constructor(web: WebServer) {
    this.web = web
  }

  static async start(): Promise<GitServer> {
    const server: GitServer = new GitServer(
      await WebServer.start((request, response) => server.#serve(request, response)),
    )
    return server
  }

  url(name: string): string {
    return `${this.web.url}/${name}.git`
  }

  git(name: string, ...args: readonly string[]): string {
    return execFileSync('git', [...IDENTITY, ...args], { cwd: join(this.root, `${name}.git`), encoding: 'utf8' }).trim()
  }

  /** Makes the repository where there is none yet. Gives the commit. */
  commit(name: string, files: Readonly<Record<string, string>>): string {
    const directory = join(this.root, `${name}.git`)
    mkdirSync(directory, { recursive: true })
    this.git(name, 'init', '-q')
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, path)), { recursive: true })
      writeFileSync(join(directory, path), content)
    }
    this.git(name, 'add', '-A')
    this.git(name, 'commit', '-q', '--allow-empty', '-m', 'c')
    return this.git(name, 'rev-parse', 'HEAD')
  }

  #serve: Handler = (request: IncomingMessage, response: ServerResponse): void => {
    if (this.authorization !== undefined && request.headers.authorization !== this.authorization) {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="x"' }).end()
      return
    }
    const url = new URL(request.url ?? '/', 'http://h')
    const {
      'content-type': type = '',
      'git-protocol': protocol = '',
      'content-encoding': encoding = '',
    } = request.headers
    const child = spawn('git', ['http-backend'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: {
        ...process.env,
        ...{ GIT_PROJECT_ROOT: this.root, GIT_HTTP_EXPORT_ALL: '1', PATH_INFO: url.pathname },
        ...{ QUERY_STRING: url.search.slice(1), REQUEST_METHOD: request.method, CONTENT_TYPE: type },
        ...{ GIT_PROTOCOL: String(protocol), HTTP_CONTENT_ENCODING: encoding, REMOTE_ADDR: '127.0.0.1' },
      },
    })
    child.stdin.on('error', () => undefined)
    request.pipe(child.stdin)
    const parts: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => parts.push(chunk))
    child.once('close', () => {
      const whole = Buffer.concat(parts)
      const end = whole.indexOf('\r\n\r\n')
      const headers = whole.subarray(0, Math.max(end, 0)).toString('latin1').split('\r\n')
      let status = 200
      for (const header of headers) {
        const [name = '', value = ''] = header.split(': ')
        if (name === 'Status') status = Number.parseInt(value, 10)
        else if (name !== '') response.setHeader(name, value)
      }
      response.writeHead(status).end(whole.subarray(end + 4))
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.web[Symbol.asyncDispose]()
    rmSync(this.root, { recursive: true, force: true })
  }
}
