import { closeSync } from 'node:fs'
import koffi from 'koffi'
import { libc, SyscallError } from './libc.ts'

const socketCall = libc.func('int socket(int domain, int type, int protocol)')
const bindCall = libc.func('int bind(int fd, const void *address, unsigned int length)')
const getsocknameCall = libc.func('int getsockname(int fd, void *address, void *length)')

const AF_INET = 2
const SOCK = { tcp: 1, udp: 2 } as const
const CLOEXEC = 0o2000000

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
  if (bindCall(fd, bytes, bytes.length) !== 0) {
    const error = new SyscallError('bind', koffi.errno())
    closeSync(fd)
    throw error
  }
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  getsocknameCall(fd, bytes, length)
  return { port: bytes.readUInt16BE(2), [Symbol.dispose]: () => closeSync(fd) }
}
