import { type Command, NO_ARGUMENTS } from '../command.ts'
import { describe, Failure } from '../failure.ts'
import { align } from '../format/align.ts'
import { OBJECT_FORMAT } from '../format/format-flags.ts'
import type { Output } from '../output.ts'
import { compile, TemplateExecutionError } from '../template/execute.ts'
import { TemplateSyntaxError } from '../template/lex.ts'
import { toJson } from '../template/value.ts'
import { CLIENT_API_VERSION, VERSION } from '../version.ts'

type Component = {
  readonly Name: string
  readonly Version: string
  readonly Details?: Readonly<Record<string, string>> | null
}
type ServerVersion = {
  readonly Platform?: { readonly Name: string }
  readonly Components?: readonly Component[]
} & Readonly<Record<string, unknown>>

export const command: Command = {
  usage: '[OPTIONS]',
  flags: `
${OBJECT_FORMAT}
`,
  args: NO_ARGUMENTS,
  action: async ({ client, stdout }, flags) => {
    const Client = {
      Version: VERSION,
      ApiVersion: CLIENT_API_VERSION,
      DefaultAPIVersion: CLIENT_API_VERSION,
      NodeVersion: process.version,
      Os: process.platform,
      Arch: goArchitecture(),
    }
    const format = flags.string('format')
    let template: ((data: unknown) => string) | undefined
    try {
      if (format !== '' && format !== 'json') template = compile(format)
    } catch (error) {
      if (error instanceof TemplateSyntaxError)
        throw new Failure(64, `template parsing error: ${error.message}`, { cause: error })
      throw error
    }
    const { server, failure } = await client.get<ServerVersion>('/version').then(
      server => ({ server, failure: undefined }),
      (error: unknown) => ({ server: undefined, failure: describe(error) }),
    )
    try {
      if (template) stdout.line(template({ Client, Server: server ?? null }))
      else if (format === 'json') stdout.line(toJson({ Client, Server: server ?? null }, true))
      else stdout.write(pretty(Client, server))
    } catch (error) {
      if (!(error instanceof TemplateExecutionError)) throw error
      throw new Failure(1, error.message, { cause: error })
    }
    // What is known of the client is shown also when no daemon answers.
    if (failure !== undefined) throw new Failure(1, failure)
    return 0
  },
}

/** `Tare version 0.1.0` */
export const printVersionLine = (stdout: Output): number => {
  stdout.line(`Tare version ${VERSION}`)
  return 0
}

const goArchitecture = (): string => ({ x64: 'amd64', ia32: '386' })[process.arch as string] ?? process.arch

const pretty = (client: Readonly<Record<string, string>>, server: ServerVersion | undefined): string => {
  const column = (label: string, value: string): string => ` ${label}:\t${value}\n`
  let text =
    'Client:\n' +
    column('Version', client.Version as string) +
    column('API version', client.ApiVersion as string) +
    column('Node version', client.NodeVersion as string) +
    column('OS/Arch', `${client.Os}/${client.Arch}`)
  if (server) {
    text += `\nServer:${server.Platform?.Name ? ` ${server.Platform.Name}` : ''}\n`
    for (const { Name, Version, Details } of server.Components ?? []) {
      const detail = (label: string, key: string): string =>
        Details?.[key] !== undefined ? ` ${column(label, Details[key])}` : ''
      text += ` ${Name}:\n ${column('Version', Version)}`
      if (Details?.ApiVersion !== undefined)
        text += ` ${column('API version', `${Details.ApiVersion} (minimum version ${Details.MinAPIVersion ?? ''})`)}`
      text += detail('Go version', 'GoVersion') + detail('Node version', 'NodeVersion')
      text += Name === 'Engine' ? detail('Git commit', 'GitCommit') : detail('GitCommit', 'GitCommit')
      text += detail('Built', 'BuildTime')
      if (Details?.Os !== undefined) text += ` ${column('OS/Arch', `${Details.Os}/${Details.Arch ?? ''}`)}`
      text += detail('Experimental', 'Experimental')
    }
  }
  return align(text, { minWidth: 20, padding: 1 })
}
