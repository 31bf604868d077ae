import { chmodSync, chownSync, closeSync, constants, openSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { basename, dirname } from 'node:path'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** Listens at `path` and joins each connection to one of the client's agent, until it is disposed. */
export const openAgentSocket = async (
  path: string,
  { mode, uid, gid }: { readonly mode: number; readonly uid: number; readonly gid: number },
  connect: () => Promise<Duplex | undefined>,
): Promise<AsyncDisposable> => {
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, socket => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    // A broken connection is the step's to see, not the build's failure.
    void join(socket, connect).catch(() => socket.destroy())
  })
  // An address has room for 108 bytes; a data root may lie deeper.
  const fd = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(`/proc/self/fd/${fd}/${basename(path)}`, resolve)
    })
    chownSync(path, uid, gid)
    chmodSync(path, mode)
  } catch (error) {
    server.close()
    closeSync(fd)
    throw error
  }
  return {
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise(resolve => server.close(resolve))
      for (const socket of open) socket.destroy()
      await closed
      closeSync(fd)
    },
  }
}

const join = async (socket: Socket, connect: () => Promise<Duplex | undefined>): Promise<void> => {
  // Errors before the agent answers close the connection, too.
  socket.on('error', () => socket.destroy())
  const agent = await connect()
  if (agent === undefined) return void socket.destroy()
  try {
    await pipeline(socket, agent, socket)
  } finally {
    agent.destroy()
    socket.destroy()
  }
}
