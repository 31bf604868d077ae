import { closeSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { codeOf } from '../errdefs.ts'
import { elfArchitectures, elfHeader } from './elf-header.ts'

/** What the kernel hands programs of other machines to. https://docs.kernel.org/admin-guide/binfmt-misc.html */
export type BinfmtHandler = {
  readonly name: string
  readonly enabled: boolean
  readonly interpreter: string
  /** As the kernel prints them: `POCF`. With F the interpreter was opened at once, and is at hand in every container. */
  readonly flags: string
  readonly offset: number
  /** Undefined for handlers that go by the end of a file's name. */
  readonly magic: Buffer | undefined
  /** As long as the magic; undefined when every bit counts. */
  readonly mask: Buffer | undefined
}

const DIRECTORY = '/proc/sys/fs/binfmt_misc'

/** One file of binfmt_misc. */
export const parseHandler = (name: string, text: string): BinfmtHandler => {
  const [first, ...lines] = text.split('\n')
  const field = (key: string): string | undefined =>
    lines.find(line => line.startsWith(`${key} `))?.slice(key.length + 1)
  const bytes = (key: string): Buffer | undefined => {
    const value = field(key)
    return value === undefined ? undefined : Buffer.from(value, 'hex')
  }
  return {
    name,
    enabled: first === 'enabled',
    interpreter: field('interpreter') ?? '',
    flags: field('flags:') ?? '',
    offset: Number(field('offset') ?? 0),
    magic: bytes('magic'),
    mask: bytes('mask'),
  }
}

/** Whether the kernel gives a file that begins so to this handler. */
export const handles = ({ enabled, magic, mask, offset }: BinfmtHandler, header: Buffer): boolean =>
  enabled &&
  magic !== undefined &&
  offset + magic.length <= header.length &&
  magic.every((byte, at) => (((header[offset + at] as number) ^ byte) & (mask?.[at] ?? 0xff)) === 0)

/**
 * The handlers that are registered; none when binfmt_misc is switched off or not in the kernel. It works without being
 * mounted where people look for it (registered by a container, say): then it is looked at through a mount that nobody sees.
 */
export const readHandlers = async (directory = DIRECTORY): Promise<BinfmtHandler[]> => {
  if (existsSync(`${directory}/status`)) return readDirectory(directory)
  if (directory !== DIRECTORY || !readFileSync('/proc/filesystems', 'utf8').includes('\tbinfmt_misc\n')) return []
  const { mountDetached } = await import('./detached-mount.ts')
  let descriptor: number
  try {
    descriptor = mountDetached('binfmt_misc')
  } catch {
    // Not root, or a kernel before 5.2.
    return []
  }
  try {
    return readDirectory(`/proc/self/fd/${descriptor}`)
  } finally {
    closeSync(descriptor)
  }
}

const readDirectory = (directory: string): BinfmtHandler[] => {
  if (readFileSync(`${directory}/status`, 'utf8').trim() !== 'enabled') return []
  return readdirSync(directory)
    .filter(name => name !== 'status' && name !== 'register')
    .flatMap(name => {
      try {
        return [parseHandler(name, readFileSync(`${directory}/${name}`, 'utf8'))]
      } catch (error) {
        // Unregistered meanwhile.
        if (codeOf(error) === 'ENOENT') return []
        throw error
      }
    })
}

/** The handlers that take programs of an architecture, in Go's words; those that work in every container first. */
export const handlersOf = (architecture: string, handlers: readonly BinfmtHandler[]): BinfmtHandler[] => {
  const header = elfHeader(architecture)
  if (!header) return []
  const rank = ({ flags }: BinfmtHandler): number => (flags.includes('F') ? 0 : 1)
  return handlers.filter(handler => handles(handler, header)).sort((a, b) => rank(a) - rank(b))
}

/** The architectures that have a handler, each with the one that does best. */
export const handledArchitectures = (handlers: readonly BinfmtHandler[]): Map<string, BinfmtHandler> =>
  new Map(
    elfArchitectures().flatMap(architecture => {
      const [best] = handlersOf(architecture, handlers)
      return best ? [[architecture, best] as const] : []
    }),
  )
