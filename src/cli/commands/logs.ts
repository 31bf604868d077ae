import type { ContainerInspect } from '../../api/container.ts'
import { FrameDecoder } from '../../api/stdcopy.ts'
import { type Command, exactly } from '../command.ts'
import { Failure } from '../failure.ts'
import { parseTimestamp } from '../format/timestamp.ts'

export const command: Command = {
  usage: '[OPTIONS] CONTAINER',
  flags: `
      --details        Show extra details provided to logs
  -f, --follow         Follow log output
      --since string   Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)
  -n, --tail string    Number of lines to show from the end of the logs (default "all")
  -t, --timestamps     Show timestamps
      --until string   Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)
`,
  args: exactly(1),
  action: async ({ client, stdout, stderr }, flags, [name = '']) => {
    const path = `/containers/${encodeURIComponent(name)}`
    const response = await client.request('GET', `${path}/logs`, {
      query: {
        stdout: true,
        stderr: true,
        since: moment('since', flags.string('since')),
        until: moment('until', flags.string('until')),
        timestamps: flags.bool('timestamps') || undefined,
        follow: flags.bool('follow') || undefined,
        tail: flags.string('tail'),
        details: flags.bool('details') || undefined,
      },
    })
    // Daemons from API 1.42 on say in the response which kind of stream it is; older ones have to be asked.
    const type = response.headers.get('content-type') ?? ''
    const framed =
      type.endsWith('multiplexed-stream') ||
      (!type.endsWith('raw-stream') && !(await hasTty(() => client.get(`${path}/json`))))
    if (!framed) {
      for await (const chunk of response.body) stdout.write(chunk)
      return 0
    }
    const decoder = new FrameDecoder()
    for await (const chunk of response.body) {
      for (const { stream, data } of decoder.decode(chunk)) {
        if (stream === 'systemerr') throw new Error(`error from daemon in stream: ${data.toString()}`)
        ;(stream === 'stderr' ? stderr : stdout).write(data)
      }
    }
    return 0
  },
}

const hasTty = async (inspect: () => Promise<ContainerInspect>): Promise<boolean> =>
  (await inspect()).Config.Tty === true

const moment = (name: string, value: string): string | undefined => {
  try {
    return parseTimestamp(value) || undefined
  } catch (error) {
    throw new Failure(1, `invalid value for "${name}": ${(error as Error).message}`, { cause: error })
  }
}
