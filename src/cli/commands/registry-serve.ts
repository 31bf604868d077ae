import type { JsonMessage } from '../../api/image.ts'
import { type Command, NO_ARGUMENTS, PROGRAM } from '../command.ts'
import { Failure } from '../failure.ts'

/** `POST /registry/serve`: first the address, then a line a request. */
type ServeMessage = JsonMessage & { readonly Address?: string; readonly Request?: string }

export const command: Command = {
  usage: '[OPTIONS]',
  description: `Offer the local images to other machines, read-only, as long as this command runs.
Another machine pulls from here with: ${PROGRAM} pull HOST:PORT/NAME`,
  flags: `
      --listen string   Address and port to listen on (default "127.0.0.1:5000")
  -q, --quiet           Do not show the requests
`,
  args: NO_ARGUMENTS,
  action: async ({ client, stdout }, flags) => {
    const stop = new AbortController()
    const interrupt = (): void => stop.abort()
    process.once('SIGINT', interrupt)
    process.once('SIGTERM', interrupt)
    let address: string | undefined
    try {
      const response = await client.request('POST', '/registry/serve', {
        query: { listen: flags.string('listen') },
        signal: stop.signal,
      })
      for await (const message of response.messages<ServeMessage>()) {
        if (message.error !== undefined || message.errorDetail !== undefined)
          throw new Failure(1, message.errorDetail?.message || (message.error as string))
        if (message.Address !== undefined) {
          address = message.Address
          stdout.line(`Serving the local images on ${address}; Ctrl+C ends it`)
        } else if (message.Request !== undefined && !flags.bool('quiet')) stdout.line(message.Request)
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error
    } finally {
      process.off('SIGINT', interrupt)
      process.off('SIGTERM', interrupt)
    }
    if (!stop.signal.aborted) throw new Failure(1, 'the daemon stopped serving')
    return 0
  },
}
