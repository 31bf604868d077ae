import { readFileSync } from 'node:fs'

/** What each level of amd64 adds, in the words of /proc/cpuinfo. https://gitlab.com/x86-psABIs/x86-64-ABI */
const AMD64_LEVELS: readonly (readonly string[])[] = [
  ['cx16', 'lahf_lm', 'popcnt', 'pni', 'sse4_1', 'sse4_2', 'ssse3'],
  ['avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'abm', 'movbe', 'xsave'],
  ['avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl'],
]

/**
 * The variant of an architecture that a processor is, as platforms name it: `v1` to `v4` of amd64, `v8` of arm64, `v5` to
 * `v8` of arm. `architecture` is Node's name. Undefined where the text does not tell, or there are none.
 */
export const parseVariant = (architecture: string, cpuinfo: string): string | undefined => {
  const field = (name: string): string | undefined => cpuinfo.match(new RegExp(`^${name}\\s*: *(.*)$`, 'm'))?.[1]
  if (architecture === 'x64') {
    const flags = new Set(field('flags')?.split(' '))
    if (flags.size === 0) return undefined
    const missing = AMD64_LEVELS.findIndex(level => !level.every(flag => flags.has(flag)))
    return `v${missing < 0 ? AMD64_LEVELS.length + 1 : missing + 1}`
  }
  if (architecture !== 'arm64' && architecture !== 'arm') return undefined
  const version = field('CPU architecture')?.match(/^(?:AArch64|\d+)/)?.[0]
  return version === undefined ? undefined : version === 'AArch64' ? 'v8' : `v${version}`
}

let known: { readonly variant: string | undefined } | undefined

/** This host's; read once, since it stays. */
export const processorVariant = (): string | undefined => {
  known ??= { variant: parseVariant(process.arch, readCpuinfo()) }
  return known.variant
}

const readCpuinfo = (): string => {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8')
  } catch {
    return ''
  }
}
