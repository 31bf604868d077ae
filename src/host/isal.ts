import { crc32, gunzipSync, gzipSync } from 'node:zlib'
import koffi from 'koffi'

/**
 * Intel's ISA-L (https://github.com/intel/isa-l, Debian's libisal2, written for ARM too): gzip in and out some five times as
 * fast as zlib. Its two structures are used by offset, from igzip_lib.h of 2.30; the ABI is that of libisal.so.2, and `loadIsal`
 * tries it on known bytes before anybody relies on it.
 */
type Library = {
  readonly inflateInit: (state: bigint) => void
  readonly inflateReset: (state: bigint) => void
  readonly inflate: (state: bigint) => number
  readonly deflateInit: (stream: bigint) => void
  readonly deflate: (stream: bigint) => number
}

/** struct inflate_state */
const INFLATE = { size: 87_368, nextOut: 0, availOut: 8, nextIn: 16, availIn: 32, blockState: 21_160, crcFlag: 21_172 }
const BLOCK_FINISH = 5
/** struct isal_zstream; `state` is that of the structure inside. */
const DEFLATE = {
  size: 82_384,
  nextIn: 0,
  availIn: 8,
  nextOut: 16,
  availOut: 24,
  level: 40,
  levelBufferSize: 44,
  levelBuffer: 48,
  endOfStream: 56,
  gzipFlag: 60,
  state: 84,
}
const STATE_END = 11
const GZIP = 1
/** Of the levels 0 to 3: output as small as that of gzip's level 6 or up to a tenth larger; level 3 gains one or two hundredths. */
const LEVEL = 2
/** ISAL_DEF_LVL2_DEFAULT */
const LEVEL_BUFFER = 331_776
/** Bytes after each structure, should a later version of the same ABI have grown. */
const SPARE = 16 * 1024

/** How far one step came. */
export type IsalStep = { readonly read: number; readonly written: number; readonly ended: boolean }

/** Native memory stays where it is as long as the Buffer lives. */
class Structure {
  readonly bytes: Buffer
  readonly address: bigint

  constructor(size: number) {
    const bytes = Buffer.alloc(size + SPARE + 64)
    const base = koffi.address(bytes)
    // Vector instructions want their operands aligned.
    const skip = (64 - Number(base % 64n)) % 64
    this.bytes = bytes.subarray(skip)
    this.address = base + BigInt(skip)
  }

  point(offset: number, target: Uint8Array): void {
    this.bytes.writeBigUInt64LE(target.byteLength > 0 ? koffi.address(target) : this.address, offset)
  }
}

/** One gzip stream in, member by member. */
export class IsalInflate {
  readonly #library: Library
  readonly #state = new Structure(INFLATE.size)

  constructor(library: Library) {
    this.#library = library
    library.inflateInit(this.#state.address)
    this.#state.bytes.writeUInt32LE(GZIP, INFLATE.crcFlag)
  }

  /** Decodes as much as fits. `ended`: the member is whole and its checksum right. Throws what is wrong, in few words. */
  step(input: Uint8Array, output: Uint8Array): IsalStep {
    const { bytes, address } = this.#state
    this.#state.point(INFLATE.nextIn, input)
    this.#state.point(INFLATE.nextOut, output)
    bytes.writeUInt32LE(input.byteLength, INFLATE.availIn)
    bytes.writeUInt32LE(output.byteLength, INFLATE.availOut)
    const result = this.#library.inflate(address)
    if (result < 0) throw new Error(INFLATE_ERRORS[-result] ?? `error ${result}`)
    return {
      read: input.byteLength - bytes.readUInt32LE(INFLATE.availIn),
      written: output.byteLength - bytes.readUInt32LE(INFLATE.availOut),
      ended: bytes.readUInt32LE(INFLATE.blockState) === BLOCK_FINISH,
    }
  }

  /** For the next member. */
  reset(): void {
    this.#library.inflateReset(this.#state.address)
    this.#state.bytes.writeUInt32LE(GZIP, INFLATE.crcFlag)
  }
}

const INFLATE_ERRORS: Readonly<Record<number, string>> = {
  1: 'invalid block',
  2: 'invalid symbol',
  3: 'invalid distance',
  4: 'invalid header',
  5: 'invalid header',
  6: 'incorrect data check',
}

/** One gzip member out. */
export class IsalDeflate {
  readonly #library: Library
  readonly #stream = new Structure(DEFLATE.size)
  readonly #levelBuffer = Buffer.alloc(LEVEL_BUFFER)

  constructor(library: Library) {
    this.#library = library
    const { bytes, address } = this.#stream
    library.deflateInit(address)
    bytes.writeUInt32LE(LEVEL, DEFLATE.level)
    bytes.writeUInt32LE(LEVEL_BUFFER, DEFLATE.levelBufferSize)
    this.#stream.point(DEFLATE.levelBuffer, this.#levelBuffer)
    bytes.writeUInt16LE(GZIP, DEFLATE.gzipFlag)
  }

  /** `last`: nothing follows this input. `ended` when all of it is out. */
  step(input: Uint8Array, output: Uint8Array, last: boolean): IsalStep {
    const { bytes, address } = this.#stream
    this.#stream.point(DEFLATE.nextIn, input)
    this.#stream.point(DEFLATE.nextOut, output)
    bytes.writeUInt32LE(input.byteLength, DEFLATE.availIn)
    bytes.writeUInt32LE(output.byteLength, DEFLATE.availOut)
    bytes.writeUInt16LE(last ? 1 : 0, DEFLATE.endOfStream)
    const result = this.#library.deflate(address)
    if (result !== 0) throw new Error(`isal_deflate: error ${result}`)
    return {
      read: input.byteLength - bytes.readUInt32LE(DEFLATE.availIn),
      written: output.byteLength - bytes.readUInt32LE(DEFLATE.availOut),
      ended: bytes.readUInt32LE(DEFLATE.state) === STATE_END,
    }
  }
}

/** Undefined when the library is not installed, or is not the one that is known here. */
export const loadIsal = (): Library | undefined => {
  if (loaded === undefined) loaded = open() ?? null
  return loaded ?? undefined
}
let loaded: Library | null | undefined

const open = (): Library | undefined => {
  try {
    const native = koffi.load('libisal.so.2')
    const library: Library = {
      inflateInit: native.func('void isal_inflate_init(uintptr_t state)'),
      inflateReset: native.func('void isal_inflate_reset(uintptr_t state)'),
      inflate: native.func('int isal_inflate(uintptr_t state)'),
      deflateInit: native.func('void isal_deflate_init(uintptr_t stream)'),
      deflate: native.func('int isal_deflate(uintptr_t stream)'),
    }
    return works(library) ? library : undefined
  } catch {
    return undefined
  }
}

/** Both ways through both libraries, in steps that end in the middle of everything. */
const works = (library: Library): boolean => {
  const sample = Buffer.alloc(200_000)
  for (let at = 0; at < sample.length; at++) sample[at] = (at * at) >> 7
  const packed: Buffer[] = []
  const deflate = new IsalDeflate(library)
  for (let at = 0, ended = false; !ended; ) {
    const output = Buffer.alloc(3000)
    const input = sample.subarray(at, at + 7000)
    const step = deflate.step(input, output, at + input.length === sample.length)
    at += step.read
    ended = step.ended
    packed.push(output.subarray(0, step.written))
  }
  if (!gunzipSync(Buffer.concat(packed)).equals(sample)) return false
  const inflate = new IsalInflate(library)
  const source = gzipSync(sample)
  const output = Buffer.alloc(sample.length + 1)
  let [read, written, ended] = [0, 0, false]
  for (let turn = 0; turn < 10_000 && !ended; turn++) {
    const step = inflate.step(source.subarray(read, read + 5000), output.subarray(written, written + 9000))
    read += step.read
    written += step.written
    ended = step.ended
  }
  return ended && read === source.length && crc32(output.subarray(0, written)) === crc32(sample)
}
