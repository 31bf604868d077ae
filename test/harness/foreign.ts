import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { busyboxTar, importBusybox } from './busybox-image.ts'
import type { HttpClient } from './http-client.ts'
import { repository } from './suite-root.ts'

/** Programs of another machine, by scripts/setup. */
const TOOLS = join(repository, '.tools/foreign')
export const EMULATOR = join(TOOLS, 'emulator')

/** A machine that this one is not, what `uname -m` says there, and its number in ELF. */
export const FOREIGN =
  process.arch === 'arm64'
    ? { architecture: 'amd64', machine: 'x86_64', elf: '\\x3e' }
    : { architecture: 'arm64', machine: 'aarch64', elf: '\\xb7' }

/** Why foreign programs cannot be run here; undefined when they can. */
export const noEmulation = (): string | undefined => {
  if (!readFileSync('/proc/filesystems', 'utf8').includes('binfmt_misc')) return 'this kernel has no binfmt_misc'
  return existsSync(EMULATOR) ? undefined : `scripts/setup could not bring ${TOOLS}`
}

/** `busybox:<architecture>`, of programs that are really for it: the foreign one, or i386. Gives the image's id. */
export const importForeign = (client: HttpClient, architecture: string, platform: string): Promise<string> => {
  const tar = busyboxTar(join(TOOLS, `busybox-${architecture}`), `busybox-${architecture}`)
  return importBusybox(client, architecture, { platform, tar })
}

const MASK = '\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff'
const ZEROS = '\\x00'.repeat(9)

/**
 * The kernel hands foreign programs to the emulator until the end of the `await using` block. It is registered in a mount
 * namespace of its own, so that the host's /proc stays as it is; a handler is the whole kernel's all the same.
 */
export class Emulation implements AsyncDisposable {
  readonly #holder: ReturnType<typeof spawn>

  private constructor(holder: ReturnType<typeof spawn>) {
    this.#holder = holder
  }

  /** `flags`: as binfmt_misc has them. Busybox needs P: it knows by its name which program it is. */
  static async register(flags: string): Promise<Emulation> {
    const name = `tare-test-${process.pid}`
    const magic = `\\x7fELF\\x02\\x01\\x01${ZEROS}\\x02\\x00${FOREIGN.elf}\\x00`
    const script = [
      'set -e; cd /proc/sys/fs',
      'mount -t binfmt_misc binfmt_misc binfmt_misc',
      'printf %s "$1" >binfmt_misc/register',
      'echo ready; cat >/dev/null; echo -1 >"binfmt_misc/$2"',
    ].join('\n')
    const line = `:${name}:M::${magic}:${MASK}:${EMULATOR}:${flags}`
    const holder = spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', line, name], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const word = await new Promise<string>((resolve, reject) => {
      holder.stdout.once('data', chunk => resolve(String(chunk)))
      holder.once('close', code => reject(new Error(`registering the emulator ended with ${code}`)))
    })
    if (word !== 'ready\n') throw new Error(`registering the emulator: ${word}`)
    return new Emulation(holder)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#holder.exitCode !== null) return
    const end = once(this.#holder, 'close')
    this.#holder.stdin?.end()
    await end
  }
}
