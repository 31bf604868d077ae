type Kind = { readonly bits: 32 | 64; readonly bigEndian?: true; readonly machine: number }

/** How programs of an architecture, in Go's words, declare themselves. elf(5), `EM_…` of <elf.h> */
const KINDS: Readonly<Record<string, Kind>> = {
  '386': { bits: 32, machine: 3 },
  amd64: { bits: 64, machine: 62 },
  arm: { bits: 32, machine: 40 },
  arm64: { bits: 64, machine: 183 },
  loong64: { bits: 64, machine: 258 },
  mips: { bits: 32, bigEndian: true, machine: 8 },
  mipsle: { bits: 32, machine: 8 },
  mips64: { bits: 64, bigEndian: true, machine: 8 },
  mips64le: { bits: 64, machine: 8 },
  ppc64: { bits: 64, bigEndian: true, machine: 21 },
  ppc64le: { bits: 64, machine: 21 },
  riscv64: { bits: 64, machine: 243 },
  s390x: { bits: 64, bigEndian: true, machine: 22 },
}

export const elfArchitectures = (): string[] => Object.keys(KINDS)

/** The first bytes of an executable for an architecture; undefined for one that is not known here. */
export const elfHeader = (architecture: string): Buffer | undefined => {
  const kind = KINDS[architecture]
  if (!kind) return undefined
  const { bits, bigEndian = false, machine } = kind
  const header = Buffer.alloc(64)
  header.write('\x7fELF', 'latin1')
  header[4] = bits === 64 ? 2 : 1
  header[5] = bigEndian ? 2 : 1
  header[6] = 1
  const write16 = (value: number, at: number) =>
    bigEndian ? header.writeUInt16BE(value, at) : header.writeUInt16LE(value, at)
  // ET_EXEC: what stands alone. Handlers mask the bit by which ET_DYN differs.
  write16(2, 16)
  write16(machine, 18)
  if (bigEndian) header.writeUInt32BE(1, 20)
  else header.writeUInt32LE(1, 20)
  return header
}
