import { readdirSync } from 'node:fs'
import koffi from 'koffi'
import { libc } from './libc.ts'

type Library = {
  create(flags: number): unknown
  run(context: unknown, commands: string): number
  error(context: unknown): string
  output(context: unknown): string
  outputFlags(context: unknown, flags: number): void
}

const NFT_CTX_OUTPUT_HANDLE = 1 << 3
const F_SETFD = 2
const FD_CLOEXEC = 1

const fcntlCall = libc.func('int fcntl(int fd, int command, int argument)')
const openDescriptors = (): number[] => readdirSync('/proc/self/fd').map(Number)

/**
 * nftables in process: a ruleset script is one atomic transaction in the kernel, and takes about 0.1 ms.
 * Loaded at first use; throws when libnftables is not installed.
 */
export class Nft {
  readonly #library: Library
  readonly #context: unknown

  constructor() {
    const library = koffi.load('libnftables.so.1')
    const buffer = library.func('int nft_ctx_buffer_error(void *ctx)')
    const bufferOutput = library.func('int nft_ctx_buffer_output(void *ctx)')
    this.#library = {
      create: library.func('void *nft_ctx_new(uint32_t flags)'),
      run: library.func('int nft_run_cmd_from_buffer(void *ctx, const char *commands)'),
      error: library.func('const char *nft_ctx_get_error_buffer(void *ctx)'),
      output: library.func('const char *nft_ctx_get_output_buffer(void *ctx)'),
      outputFlags: library.func('void nft_ctx_output_set_flags(void *ctx, unsigned int flags)'),
    }
    const known = new Set(openDescriptors())
    this.#context = this.#library.create(0)
    // The library's netlink socket would go on to every program that is started from here.
    for (const fd of openDescriptors()) if (!known.has(fd)) fcntlCall(fd, F_SETFD, FD_CLOEXEC)
    buffer(this.#context)
    bufferOutput(this.#context)
  }

  /** Applies a script (nft(8)) whole or not at all, and gives what it printed, with `handles` or without. Throws NftError. */
  run(script: string, handles = false): string {
    this.#library.outputFlags(this.#context, handles ? NFT_CTX_OUTPUT_HANDLE : 0)
    if (this.#library.run(this.#context, script) !== 0) throw new NftError(this.#library.error(this.#context), script)
    return this.#library.output(this.#context)
  }
}

export class NftError extends Error {
  override readonly name = 'NftError'
  readonly script: string

  constructor(message: string, script: string) {
    super(`nft: ${message.trim().split('\n')[0]}`)
    this.script = script
  }
}
