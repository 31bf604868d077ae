import { closeSync } from 'node:fs'
import koffi from 'koffi'
import { libc, SyscallError } from './libc.ts'

const socketCall = libc.func('int socket(int domain, int type, int protocol)')
const bindCall = libc.func('int bind(int fd, const void *address, unsigned int length)')
const getsocknameCall = libc.func('int getsockname(int fd, void *address, void *length)')

const setsockoptCall = libc.func('int setsockopt(int fd, int level, int name, const void *value, unsigned int length)')

const AF_INET = 2
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const SOCK = { tcp: 1, udp: 2 } as const
const CLOEXEC = 0o2000000

/**
 * Binds without SO_REUSEADDR, so that no server can take the port beside us; with it when what stands in the way are only
 * connections that were closed a while ago: the kernel then says yes, and to a listening program's port still no.
 */
const bind = (fd: number, address: Buffer): void => {
  if (bindCall(fd, address, address.length) === 0) return
  const error = new SyscallError('bind', koffi.errno())
  if (error.code !== 'EADDRINUSE') throw error
  const one = Buffer.from([1, 0, 0, 0])
  setsockoptCall(fd, SOL_SOCKET, SO_REUSEADDR, one, one.length)
  if (bindCall(fd, address, address.length) !== 0) throw error
}

/**
 * Holds a port of the host without serving it, so that no other program takes it and one that has it is noticed.
 * Port 0 takes any free one. Throws SyscallError (EADDRINUSE, EADDRNOTAVAIL, EACCES).
 */
export const holdPort = (
  protocol: 'tcp' | 'udp',
  address: string,
  port: number,
): { readonly port: number } & Disposable => {
  const fd: number = socketCall(AF_INET, SOCK[protocol] | CLOEXEC, 0)
  if (fd < 0) throw new SyscallError('socket', koffi.errno())
  const bytes = Buffer.alloc(16)
  bytes.writeUInt16LE(AF_INET, 0)
  bytes.writeUInt16BE(port, 2)
  bytes.set(address.split('.').map(Number), 4)
  try {
    bind(fd, bytes)
  } catch (error) {
    closeSync(fd)
    throw error
  }
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  getsocknameCall(fd, bytes, length)
  return { port: bytes.readUInt16BE(2), [Symbol.dispose]: () => closeSync(fd) }
}
