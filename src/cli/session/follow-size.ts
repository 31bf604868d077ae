import type { Client } from '../../api/client.ts'
import { DaemonError } from '../../api/client.ts'
import type { Output } from '../output.ts'

/**
 * Keeps a TTY of the daemon (`/containers/x`, `/exec/x`) as large as our terminal. Dispose to stop.
 * `redraw`: makes it another size first, so that the program in it draws itself again for somebody who comes later.
 */
export const followSize = (client: Client, path: string, stdout: Output, redraw = false): Disposable => {
  const resize = async (): Promise<void> => {
    const size = stdout.size()
    if (!size) return
    if (redraw) await client.post(`${path}/resize`, { query: { h: size.rows + 1, w: size.columns + 1 } })
    redraw = false
    await client.post(`${path}/resize`, { query: { h: size.rows, w: size.columns } })
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
