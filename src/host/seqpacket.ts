import { Socket } from 'node:net'
import koffi from 'koffi'
import { check, libc, SyscallError } from './libc.ts'

const socketCall = libc.func('int socket(int domain, int type, int protocol)')
const connectCall = libc.func('int connect(int fd, const void *address, unsigned int length)')
const closeCall = libc.func('int close(int fd)')

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
  const name = Buffer.from(path)
  if (name.length > PATH_LIMIT) throw new SyscallError('connect', 36, path)
  const fd = check(socketCall(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'socket')
  const address = Buffer.alloc(2 + name.length + 1)
  address.writeUInt16LE(AF_UNIX, 0)
  name.copy(address, 2)
  if (connectCall(fd, address, address.length) < 0) {
    const error = new SyscallError('connect', koffi.errno(), path)
    closeCall(fd)
    throw error
  }
  const { Pipe, constants } = (process as unknown as { binding(name: 'pipe_wrap'): PipeBinding }).binding('pipe_wrap')
  const handle = new Pipe(constants.SOCKET)
  const failed = handle.open(fd)
  if (failed !== 0) {
    closeCall(fd)
    throw new SyscallError('open pipe handle', -failed, path)
  }
  return new Socket({ handle, readable: true, writable: true, allowHalfOpen: true } as object)
}
