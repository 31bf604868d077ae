import { mkdirSync, openSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ConnectionError } from '../api/client.ts'
import type { Endpoint } from '../api/endpoint.ts'
import { spawnProcess } from '../host/exec.ts'
import { Failure } from './failure.ts'
import type { Output } from './output.ts'

const LOG = '/var/log/tare.log'
/** Milliseconds. */
const PATIENCE = 15_000
const GRACE = 1_000
const RETRY = 10

/**
 * Starts the engine in the background and waits until it answers. Throws Failure with the log's place when it ends or
 * stays silent. Two commands that do this at once are sorted out by the daemon's own lock: the loser ends, the winner answers both.
 */
export const startDaemon = async (endpoint: Endpoint, stderr: Output, refused: ConnectionError): Promise<void> => {
  if (endpoint.kind !== 'unix') throw refused
  if (stderr.isTerminal) stderr.line('Starting the Tare engine…')
  mkdirSync(dirname(LOG), { recursive: true })
  const log = openSync(LOG, 'a', 0o640)
  const entry = fileURLToPath(import.meta.url)
  const program = entry.endsWith('.ts') ? join(dirname(entry), 'main.ts') : (process.argv[1] as string)
  const child = spawnProcess([process.execPath, '--disable-warning=ExperimentalWarning', '--', program, 'daemon'], {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: '/',
  })
  let ended: string | undefined
  let deadline = Date.now() + PATIENCE
  // One that ends at once may have lost a race against another that is about to answer.
  const end = (how: string): void => {
    ended = how
    deadline = Math.min(deadline, Date.now() + GRACE)
  }
  child.once('error', error => end(error.message))
  child.once('exit', (code, signal) => end(signal ? `was killed by ${signal}` : `ended with ${code}`))
  child.unref()
  while (!(await answers(endpoint.path))) {
    if (Date.now() > deadline)
      throw new Failure(
        1,
        `${refused.message}\nIt could not be started: it ${ended ?? `did not answer within ${PATIENCE / 1000} s`}. Its last words in ${LOG}:\n${lastWords()}`,
        { cause: refused },
      )
    await pause(RETRY)
  }
}

const lastWords = (): string => readFileSync(LOG, 'utf8').trimEnd().split('\n').at(-1) ?? ''

/** There is no event for "a program listens on this path": its file may be there before, or from a daemon that died. */
const pause = (milliseconds: number): Promise<void> => new Promise(resolve => setTimeout(resolve, milliseconds))

const answers = (path: string): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
