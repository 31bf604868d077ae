import { closeSync, openSync } from 'node:fs'
import { Socket } from 'node:net'
import koffi from 'koffi'
import { check, libc, SyscallError } from './libc.ts'

const spawnCall = libc.func(
  'int posix_spawn(_Out_ int *pid, const char *path, void *actions, void *attributes, const char **argv, const char **envp)',
)
const actionsInit = libc.func('int posix_spawn_file_actions_init(void *actions)')
const actionsDestroy = libc.func('int posix_spawn_file_actions_destroy(void *actions)')
const actionsDup2 = libc.func('int posix_spawn_file_actions_adddup2(void *actions, int from, int to)')
const actionsChdir = libc.func('int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)')
const attributesInit = libc.func('int posix_spawnattr_init(void *attributes)')
const attributesFlags = libc.func('int posix_spawnattr_setflags(void *attributes, short flags)')
const attributesDefaults = libc.func('int posix_spawnattr_setsigdefault(void *attributes, const void *set)')
const attributesMask = libc.func('int posix_spawnattr_setsigmask(void *attributes, const void *set)')
const pipeCall = libc.func('int pipe2(void *fds, int flags)')
const waitpidCall = libc.func('int waitpid(int pid, void *status, int options)')

const O_CLOEXEC = 0o2000000
const SETSIGDEF_SETSIGMASK = 0x04 | 0x08

/** The attributes of every child: no signal blocked or ignored, whatever Node does with its own. */
const makeAttributes = (): Buffer => {
  const attributes = Buffer.alloc(512)
  attributesInit(attributes)
  attributesDefaults(attributes, Buffer.alloc(128, 0xff))
  attributesMask(attributes, Buffer.alloc(128))
  attributesFlags(attributes, SETSIGDEF_SETSIGMASK)
  return attributes
}

let attributes: Buffer | undefined
let nowhere: number | undefined

/** A descriptor of the child: nothing, or a pipe that it writes to or reads from. */
export type ChildDescriptor = 'null' | 'write' | 'read'

export type SpawnedChild = {
  readonly pid: number
  /** This side of each pipe, by the child's descriptor number. */
  readonly pipes: ReadonlyMap<number, Socket>
  /** Exit code, or 128 and the signal. To be called when it is known to have ended; blocks until then. */
  reap(): number
}

/**
 * Starts a program without copying this process: Node's own spawn forks, which for a daemon of 100 MB takes some 2 ms of its
 * only thread, and makes it fault every page that it writes afterwards. `path` is absolute. It works in `directory`, or
 * where this process does. Throws SyscallError.
 */
export const posixSpawn = (
  path: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  descriptors: readonly ChildDescriptor[],
  directory?: string,
): SpawnedChild => {
  attributes ??= makeAttributes()
  nowhere ??= openSync('/dev/null', 'r+')
  const actions = Buffer.alloc(128)
  actionsInit(actions)
  const theirs: number[] = []
  const ours = new Map<number, number>()
  try {
    for (const [number, kind] of descriptors.entries()) {
      let end = nowhere
      if (kind !== 'null') {
        const fds = Buffer.alloc(8)
        check(pipeCall(fds, O_CLOEXEC), 'pipe2')
        const [reading, writing] = [fds.readInt32LE(0), fds.readInt32LE(4)]
        end = kind === 'write' ? writing : reading
        theirs.push(end)
        ours.set(number, kind === 'write' ? reading : writing)
      }
      actionsDup2(actions, end, number)
    }
    if (directory !== undefined) actionsChdir(actions, directory)
    const pid = [0]
    const environment = Object.entries(env).map(([key, value]) => `${key}=${value}`)
    const failed: number = spawnCall(pid, path, actions, attributes, [path, ...argv, null], [...environment, null])
    if (failed !== 0) throw new SyscallError('posix_spawn', failed, path)
    const pipes = new Map(
      [...ours].map(([number, fd]) => [
        number,
        new Socket({ fd, readable: descriptors[number] === 'write', writable: descriptors[number] === 'read' }),
      ]),
    )
    return { pid: pid[0] as number, pipes, reap: () => reap(pid[0] as number) }
  } catch (error) {
    for (const fd of ours.values()) closeSync(fd)
    throw error
  } finally {
    for (const fd of theirs) closeSync(fd)
    actionsDestroy(actions)
  }
}

const reap = (pid: number): number => {
  const status = Buffer.alloc(4)
  for (;;) {
    if (waitpidCall(pid, status, 0) === pid) {
      const value = status.readInt32LE(0)
      const signal = value & 0x7f
      return signal === 0 ? (value >> 8) & 0xff : 128 + signal
    }
    const error = new SyscallError('waitpid', koffi.errno())
    if (error.code !== 'EINTR') throw error
  }
}

export type ProgramResult = { readonly exitCode: number; readonly stdout: string; readonly stderr: string }

/** Runs a short program to its end, in this process's environment. Its output is kept whole. Throws SyscallError. */
export const runProgram = async (path: string, argv: readonly string[]): Promise<ProgramResult> => {
  const env = Object.fromEntries(
    Object.entries(process.env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  )
  const child = posixSpawn(path, argv, env, ['null', 'write', 'write'])
  const [stdout, stderr] = await Promise.all([1, 2].map(number => readAll(child.pipes.get(number))))
  return { exitCode: child.reap(), stdout: stdout ?? '', stderr: stderr ?? '' }
}

const readAll = (pipe: Socket | undefined): Promise<string> =>
  new Promise(resolve => {
    const chunks: Buffer[] = []
    pipe?.on('data', (chunk: Buffer) => chunks.push(chunk))
    pipe?.on('error', () => {})
    pipe?.once('close', () => resolve(Buffer.concat(chunks).toString()))
  })
