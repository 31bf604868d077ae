import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CommandError, exec } from '../../host/exec.ts'
import type { Agent } from './provisions.ts'

const started = new Map<string, Promise<string>>()

/** The socket of an agent that holds these keys and nothing else, for as long as this command runs. */
export const agentOfKeys = ({ id, keys }: Agent): Promise<string> => {
  const known = started.get(id)
  if (known !== undefined) return known
  const starting = start(keys)
  started.set(id, starting)
  return starting
}

const start = async (keys: readonly string[]): Promise<string> => {
  const directory = mkdtempSync(join(tmpdir(), 'tare-agent-'))
  const socket = join(directory, 'socket')
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  try {
    const { stdout } = await exec(['ssh-agent', '-a', socket])
    const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(stdout)?.[1])
    process.once('exit', () => {
      try {
        process.kill(pid)
      } catch {
        // It has ended by itself.
      }
    })
    // A key with a passphrase cannot be asked for here: no terminal is given.
    await exec(['ssh-add', '-q', ...keys], {
      env: { ...process.env, SSH_AUTH_SOCK: socket, SSH_ASKPASS_REQUIRE: 'never' },
    })
  } catch (error) {
    if (error instanceof CommandError)
      throw new Error(`could not load keys ${keys.join(', ')}: ${error.message}`, { cause: error })
    throw error
  }
  return socket
}
