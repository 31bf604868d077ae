import { check, libc } from './libc.ts'

const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
/** Bytes of sun_path. */
const PATH_SIZE = 108

/**
 * Tells systemd how the service does (`READY=1`, `STOPPING=1`). Does nothing when it did not ask.
 * https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
 */
export const notifySystemd = (state: string, address = process.env.NOTIFY_SOCKET): void => {
  if (address === undefined || !/^[/@]/.test(address)) return
  // An abstract name begins with a zero byte and has no end.
  const name = Buffer.from(address)
  if (name.length >= PATH_SIZE) return
  if (name[0] === 0x40) name[0] = 0
  const target = Buffer.alloc(2 + name.length + (name[0] === 0 ? 0 : 1))
  target.writeUInt16LE(AF_UNIX, 0)
  name.copy(target, 2)
  const socketCall = libc.func('int socket(int domain, int type, int protocol)')
  const sendCall = libc.func(
    'long sendto(int fd, const void *data, size_t size, int flags, const void *address, unsigned int length)',
  )
  const closeCall = libc.func('int close(int fd)')
  const fd = check(socketCall(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), 'socket')
  try {
    const message = Buffer.from(state)
    check(Number(sendCall(fd, message, message.length, 0, target, target.length)), 'sendto', address)
  } finally {
    closeCall(fd)
  }
}
