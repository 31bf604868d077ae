import { chmodSync, chownSync, lstatSync, readFileSync, unlinkSync } from 'node:fs'
import { connect, type ListenOptions } from 'node:net'
import { dirname } from 'node:path'
import type { TlsOptions } from 'node:tls'
import type { Config } from '../config.ts'
import { codeOf, internal, invalidArgument, messageOf } from '../errdefs.ts'
import { makeDirectories } from '../host/make-directories.ts'
import type { Logger } from '../log.ts'
import type { ApiServer } from './api-server.ts'

/** Bytes that the kernel takes for a socket's path: sun_path less the end. */
const PATH_LIMIT = 107
/** The first descriptor that systemd hands over. */
const FIRST_FD = 3

export type Listener = {
  /** As the log tells it. */
  readonly address: string
  readonly options: ListenOptions
  readonly secure: TlsOptions | undefined
  /** A unix socket's path: given its owner and mode, and removed at the end. */
  readonly path: string | undefined
}

type Settings = Pick<Config, 'hosts' | 'group' | 'tls' | 'tlsVerify' | 'tlsCaCert' | 'tlsCert' | 'tlsKey'>

const failed = (reason: string, cause?: unknown): Error => internal(`failed to load listeners: ${reason}`, { cause })

/**
 * Finds out where to listen, and refuses what cannot be: a path that is too long, a socket on which somebody answers,
 * TCP that the network could reach without TLS. A socket that nobody answers on is removed. Throws Internal.
 */
export const prepareListeners = async (settings: Settings): Promise<readonly Listener[]> => {
  const listeners: Listener[] = []
  for (const host of settings.hosts) {
    if (host.startsWith('unix://')) listeners.push(await prepareUnix(host.slice('unix://'.length)))
    else if (host.startsWith('fd://')) listeners.push(...inherited())
    else listeners.push(prepareTcp(host, settings))
  }
  return listeners
}

const prepareUnix = async (path: string): Promise<Listener> => {
  const length = Buffer.byteLength(path)
  if (length > PATH_LIMIT)
    throw failed(`listen unix ${path}: the path of the socket has ${length} bytes, and the system allows ${PATH_LIMIT}`)
  let isSocket: boolean | undefined
  try {
    isSocket = lstatSync(path).isSocket()
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw failed(`listen unix ${path}: ${messageOf(error)}`, error)
  }
  if (isSocket === false) throw failed(`listen unix ${path}: there is a file of that name, and it is no socket`)
  if (isSocket) {
    if (await answers(path)) throw failed(`listen unix ${path}: another daemon answers on this socket already`)
    unlinkSync(path)
  }
  try {
    // The socket's own mode decides who may connect; the folder must let the group through.
    makeDirectories(dirname(path), 0o711)
  } catch (error) {
    throw failed(`listen unix ${path}: ${messageOf(error)}`, error)
  }
  return { address: path, options: { path }, secure: undefined, path }
}

const answers = (path: string): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    // A full queue of connections (EAGAIN) means a daemon that is busy, not one that is gone.
    socket.once('error', error => resolve(codeOf(error) !== 'ECONNREFUSED' && codeOf(error) !== 'ENOENT'))
  })

/** https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html */
const inherited = (): Listener[] => {
  const count = process.env.LISTEN_PID === String(process.pid) ? Number(process.env.LISTEN_FDS ?? 0) : 0
  if (count === 0) throw failed('no sockets found via socket activation: make sure the service was started by systemd')
  return Array.from({ length: count }, (_, index) => ({
    address: `fd ${FIRST_FD + index}`,
    options: { fd: FIRST_FD + index } as ListenOptions,
    secure: undefined,
    path: undefined,
  }))
}

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127\./.test(host)

const prepareTcp = (address: string, settings: Settings): Listener => {
  const { hostname, port } = splitAddress(address)
  if (!settings.tlsVerify && !isLoopback(hostname)) {
    throw invalidArgument(
      `${address}: whoever reaches this socket is root on this host, so that beyond the loopback interface it needs --tlsverify with --tlscacert, --tlscert and --tlskey`,
    )
  }
  const secure = settings.tls ? readTls(settings) : undefined
  const number = port ?? (settings.tls ? 2376 : 2375)
  return { address: `${hostname}:${number}`, options: { host: hostname, port: number }, secure, path: undefined }
}

const splitAddress = (address: string): { hostname: string; port: number | undefined } => {
  const match = /^tcp:\/\/(?:\[([^\]]*)\]|([^:]*))(?::([0-9]+))?$/.exec(address)
  if (match === null) throw invalidArgument(`invalid bind address (${address})`)
  return { hostname: match[1] ?? match[2] ?? '', port: match[3] === undefined ? undefined : Number(match[3]) }
}

const readTls = ({ tlsVerify, tlsCaCert, tlsCert, tlsKey }: Settings): TlsOptions => {
  const load = (path: string) => {
    try {
      return readFileSync(path)
    } catch (error) {
      throw invalidArgument(
        `invalid TLS configuration: open ${path}: ${codeOf(error) === 'ENOENT' ? 'no such file or directory' : messageOf(error)}`,
        { cause: error },
      )
    }
  }
  return {
    cert: load(tlsCert),
    key: load(tlsKey),
    minVersion: 'TLSv1.2',
    ...(tlsVerify ? { ca: load(tlsCaCert), requestCert: true, rejectUnauthorized: true } : {}),
  }
}

/** Opens one. A unix socket belongs to root and the group, 0660, from its first moment. Throws Internal. */
export const openListener = async (
  server: ApiServer,
  listener: Listener,
  group: string,
  logger: Logger,
): Promise<void> => {
  const { path } = listener
  const mask = path === undefined ? undefined : process.umask(0o117)
  let listening: Promise<unknown>
  try {
    // Binding happens in this call, before it returns.
    listening = server.listen(listener.options, listener.secure)
  } finally {
    if (mask !== undefined) process.umask(mask)
  }
  try {
    await listening
    if (path !== undefined) giveToGroup(path, group, logger)
  } catch (error) {
    const reason = codeOf(error) === 'EADDRINUSE' ? 'bind: address already in use' : messageOf(error)
    throw failed(`listen ${path === undefined ? 'tcp' : 'unix'} ${listener.address}: ${reason}`, error)
  }
}

const giveToGroup = (path: string, group: string, logger: Logger): void => {
  const id = groupId(group)
  if (id === undefined) {
    if (group !== 'docker') throw failed(`could not change group ${path} to ${group}: group ${group} not found`)
    logger.debug({ path }, 'the group docker does not exist: only root can use the socket')
    return
  }
  chownSync(path, 0, id)
  chmodSync(path, 0o660)
}

const groupId = (group: string): number | undefined => {
  if (/^[0-9]+$/.test(group)) return Number(group)
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find(text => text.startsWith(`${group}:`))
  return line === undefined ? undefined : Number(line.split(':')[2])
}

/** Removes the sockets' names, so that clients are refused instead of kept waiting. */
export const removeSockets = (listeners: readonly Listener[]): void => {
  for (const { path } of listeners) {
    try {
      if (path !== undefined) unlinkSync(path)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
    }
  }
}
