import type { Client } from '../../api/client.ts'
import { DaemonError } from '../../api/client.ts'
import type { Output } from '../output.ts'

/** Keeps a TTY of the daemon (`/containers/x`, `/exec/x`) as large as our terminal. Dispose to stop. */
export const followSize = (client: Client, path: string, stdout: Output): Disposable => {
  const resize = async (): Promise<void> => {
    const size = stdout.size()
    if (size) await client.post(`${path}/resize`, { query: { h: size.rows, w: size.columns } })
  }
  const follow = (): void => {
    resize().catch((error: unknown) => {
      // Between the start of a process and its end there is a terminal; before and after, nothing to do.
      if (!(error instanceof DaemonError)) return
    })
  }
  follow()
  process.on('SIGWINCH', follow)
  return { [Symbol.dispose]: () => void process.off('SIGWINCH', follow) }
}
