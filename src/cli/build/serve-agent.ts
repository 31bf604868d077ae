import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Agent } from './provisions.ts'

/** Joins one connection of a step to the user's ssh agent. */
export const serveAgent = async (channel: Duplex, agent: Agent): Promise<void> => {
  const { socket: path } = agent
  if (path === undefined) {
    const { agentOfKeys } = await import('./agent-of-keys.ts')
    return await join(channel, await agentOfKeys(agent))
  }
  await join(channel, path)
}

const join = async (channel: Duplex, path: string): Promise<void> => {
  const socket = connect({ path, allowHalfOpen: true })
  try {
    await pipeline(channel, socket, channel)
  } finally {
    socket.destroy()
  }
}
