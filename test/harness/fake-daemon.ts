import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '../../src/api/client.ts'
import type { Command, Context } from '../../src/cli/command.ts'
import { ConfigFile } from '../../src/cli/config-file.ts'
import { parseFlagTable } from '../../src/cli/flags/flag-table.ts'
import { parseFlags } from '../../src/cli/flags/parse-flags.ts'
import type { Output } from '../../src/cli/output.ts'

export type Asked = {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: string
}
/** What the fake answers: `status` and either JSON, or JSON lines that come one after the other. */
export type Answer = { readonly status?: number; readonly json?: unknown; readonly lines?: readonly unknown[] }

/** Behind a socket, something that answers as a daemon would; for commands whose words are to be tested without one. */
export class FakeDaemon implements AsyncDisposable {
  readonly asked: Asked[] = []
  /** The home of `config.json`. */
  readonly folder = mkdtempSync(join(tmpdir(), 'tare-fake-'))
  readonly #server: ReturnType<typeof createServer>

  private constructor(answer: (asked: Asked) => Answer) {
    this.#server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const url = new URL(request.url ?? '', 'http://x')
      const asked = {
        method: request.method ?? '',
        path: decodeURIComponent(url.pathname),
        query: url.searchParams,
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      }
      this.asked.push(asked)
      const { status = 200, json, lines } = answer(asked)
      response.writeHead(status, { 'Content-Type': 'application/json' })
      for (const line of lines ?? []) response.write(`${JSON.stringify(line)}\n`)
      response.end(json === undefined ? '' : JSON.stringify(json))
    })
  }

  static async start(answer: (asked: Asked) => Answer): Promise<FakeDaemon> {
    const daemon = new FakeDaemon(answer)
    await new Promise<void>(resolve => daemon.#server.listen(join(daemon.folder, 's'), resolve))
    return daemon
  }

  /** Runs a command as the CLI would, and gives what it wrote; `fault` is what it threw. */
  async run(
    command: Command,
    ...argv: string[]
  ): Promise<{ code: number | undefined; stdout: string; stderr: string; fault: Error | undefined }> {
    const path = join(this.folder, 's')
    using client = new Client({ kind: 'unix', path, text: `unix://${path}` })
    const [out, err] = [new Sink(), new Sink()]
    const context: Context = {
      path: 'test',
      client,
      stdout: out as unknown as Output,
      stderr: err as unknown as Output,
      config: new ConfigFile(this.folder, text => err.line(text)),
    }
    let code: number | undefined
    let fault: Error | undefined
    try {
      const { flags, args } = parseFlags(argv, { table: parseFlagTable(command.flags ?? '') })
      code = await command.action(context, flags, args)
    } catch (error) {
      fault = error as Error
    }
    return { code, stdout: out.text, stderr: err.text, fault }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
    rmSync(this.folder, { recursive: true })
  }
}

/** An `Output` into memory, which is no terminal. */
class Sink {
  readonly isTerminal = false
  text = ''

  size(): undefined {
    return undefined
  }

  write(data: string | Uint8Array): void {
    this.text += typeof data === 'string' ? data : Buffer.from(data).toString()
  }

  line(text: string): void {
    this.write(`${text}\n`)
  }
}
