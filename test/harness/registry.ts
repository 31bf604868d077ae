import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { certificates } from './certificates.ts'
import { HTPASSWD_LINE } from './registry-user.ts'
import { suiteRoot } from './suite-root.ts'
import type { TokenServer } from './token-server.ts'
import { until } from './until.ts'

export type RegistryOptions = {
  /** HTTPS with the certificate of `certificates()`. */
  readonly tls?: boolean
  /** HTTPS that asks for the client's certificate of `certificates()` too. */
  readonly clientCertificate?: boolean
  /** Basic authentication of `USER`. */
  readonly htpasswd?: boolean
  readonly tokens?: TokenServer
  /** Where it listens; 127.0.0.1 when left out. Engines check certificates only of others than loopback. */
  readonly address?: string
  /** Becomes a read-through cache of the registry with this URL. */
  readonly mirrorOf?: string
}

const configuration = (folder: string, options: RegistryOptions): object => {
  const { tls, clientCertificate, htpasswd, tokens, address = '127.0.0.1', mirrorOf } = options
  const pem = certificates
  return {
    version: 0.1,
    log: { level: 'info', formatter: 'text' },
    storage: { filesystem: { rootdirectory: join(folder, 'storage') }, delete: { enabled: true } },
    http: {
      addr: `${address}:0`,
      secret: 'tests',
      ...((tls || clientCertificate) && {
        tls: {
          certificate: pem().serverCertificate,
          key: pem().serverKey,
          ...(clientCertificate && { clientcas: [pem().ca] }),
        },
      }),
    },
    // Layers that are fetched from elsewhere, as those of Windows are.
    validation: { manifests: { urls: { allow: ['^https?://'] } } },
    ...(htpasswd && { auth: { htpasswd: { realm: 'tests', path: join(folder, 'htpasswd') } } }),
    ...(tokens && {
      auth: {
        token: {
          ...{ realm: tokens.realm, service: tokens.service, issuer: tokens.issuer },
          rootcertbundle: tokens.certificate,
        },
      },
    }),
    ...(mirrorOf && { proxy: { remoteurl: mirrorOf } }),
  }
}

const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

/** Debian's docker-registry on a port and a folder of its own; both are gone at the end of its `await using` block. */
export class TestRegistry implements AsyncDisposable {
  /** What comes before the first slash of an image's name: `127.0.0.1:40001`. */
  readonly host: string
  readonly url: string
  /** Its blobs are below `storage/docker/registry/v2/`. */
  readonly folder: string
  readonly #child: ChildProcess
  readonly #exit: Promise<void>

  private constructor(folder: string, child: ChildProcess, exit: Promise<void>, host: string, isSecure: boolean) {
    this.folder = folder
    this.host = host
    this.url = `${isSecure ? 'https' : 'http'}://${host}`
    this.#child = child
    this.#exit = exit
  }

  static async start(options: RegistryOptions = {}): Promise<TestRegistry> {
    const folder = mkdtempSync(join(suiteRoot(), 'registry-'))
    // JSON is YAML.
    writeFileSync(join(folder, 'config.yml'), JSON.stringify(configuration(folder, options)))
    if (options.htpasswd) writeFileSync(join(folder, 'htpasswd'), `${HTPASSWD_LINE}\n`)
    const logPath = join(folder, 'log')
    const log = openSync(logPath, 'a')
    const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], { stdio: ['ignore', log, log] })
    closeSync(log)
    living.add(child)
    let ended = false
    const exit = new Promise<void>(resolve =>
      child.once('close', () => {
        ended = true
        living.delete(child)
        resolve()
      }),
    )
    child.once('error', () => {
      ended = true
    })
    let host: string | undefined
    await until('the registry to listen', () => {
      host = readFileSync(logPath, 'utf8').match(/listening on ([\d.]+:\d+)/)?.[1]
      return ended || host !== undefined
    })
    if (host === undefined) throw new Error(`docker-registry ended at its start:\n${readFileSync(logPath, 'utf8')}`)
    return new TestRegistry(folder, child, exit, host, Boolean(options.tls || options.clientCertificate))
  }

  /** What it logged: each request is a line, `"GET /v2/… HTTP/1.1" 200 …`. */
  log(): string {
    return readFileSync(join(this.folder, 'log'), 'utf8')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exit
    rmSync(this.folder, { recursive: true, force: true })
  }
}
