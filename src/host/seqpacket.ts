import { closeSync, constants as fsConstants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { basename, dirname } from 'node:path'
import koffi from 'koffi'
import { check, libc, SyscallError } from './libc.ts'

const socketCall = libc.func('int socket(int domain, int type, int protocol)')
const connectCall = libc.func('int connect(int fd, const void *address, unsigned int length)')

const AF_UNIX = 1
const SOCK_SEQPACKET = 5
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const PATH_LIMIT = 107

type PipeHandle = { open(fd: number): number }
type PipeBinding = {
  readonly Pipe: new (type: number) => PipeHandle
  readonly constants: { readonly SOCKET: number }
}

/**
 * Connects to a unix socket of type SOCK_SEQPACKET. Each `data` event is one packet; each `write` is one, if the caller
 * awaits its callback before the next (queued writes would be merged).
 *
 * `net.Socket` refuses a descriptor of this type, but not a pipe handle that was opened on it; the handle's class
 * has no public name, hence the binding, which stays in this file. Throws SyscallError.
 */
export const connectSeqpacket = (path: string): Socket => {
  if (Buffer.byteLength(path) > PATH_LIMIT) {
    // The limit is on the address, not on the place: the directory goes by a short name.
    const directory = openSync(dirname(path), fsConstants.O_RDONLY | fsConstants.O_DIRECTORY)
    try {
      return connectSeqpacket(`/proc/self/fd/${directory}/${basename(path)}`)
    } finally {
      closeSync(directory)
    }
  }
  const fd = check(socketCall(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'socket')
  const address = Buffer.alloc(2 + Buffer.byteLength(path) + 1)
  address.writeUInt16LE(AF_UNIX, 0)
  address.write(path, 2)
  if (connectCall(fd, address, address.length) < 0) {
    const error = new SyscallError('connect', koffi.errno(), path)
    closeSync(fd)
    throw error
  }
  const { Pipe, constants } = (process as unknown as { binding(name: 'pipe_wrap'): PipeBinding }).binding('pipe_wrap')
  const handle = new Pipe(constants.SOCKET)
  const failed = handle.open(fd)
  if (failed !== 0) {
    closeSync(fd)
    throw new SyscallError('open pipe handle', -failed, path)
  }
  return new Socket({ handle, readable: true, writable: true, allowHalfOpen: true } as object)
}
