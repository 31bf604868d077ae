import { invalidArgument } from '../errdefs.ts'

/** An IPv4 network: `base` has no bits below `prefix`. */
export type Subnet = { readonly base: number; readonly prefix: number }

export const parseAddress = (text: string): number => {
  const parts = text.split('.')
  if (parts.length !== 4 || parts.some(part => !/^\d{1,3}$/.test(part) || Number(part) > 255)) {
    throw invalidArgument(`invalid IP address: ${text}`)
  }
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0)
}

export const formatAddress = (address: number): string =>
  [24, 16, 8, 0].map(shift => Math.floor(address / 2 ** shift) % 256).join('.')

const sizeOf = (prefix: number): number => 2 ** (32 - prefix)

/** `10.1.2.3/24` → the address and the network that it lies in. */
export const parseCidr = (text: string): { readonly address: number; readonly subnet: Subnet } => {
  const [addressText = '', prefixText = ''] = text.split('/')
  const prefix = /^\d{1,2}$/.test(prefixText) ? Number(prefixText) : 33
  if (prefix > 32) throw invalidArgument(`invalid CIDR address: ${text}`)
  const address = parseAddress(addressText)
  return { address, subnet: { base: address - (address % sizeOf(prefix)), prefix } }
}

export const formatSubnet = ({ base, prefix }: Subnet): string => `${formatAddress(base)}/${prefix}`

export const overlaps = (a: Subnet, b: Subnet): boolean =>
  a.base < b.base + sizeOf(b.prefix) && b.base < a.base + sizeOf(a.prefix)

/** Pools of networks, each of `size` bits, as `--default-address-pool` gives them. */
export type AddressPool = { readonly base: Subnet; readonly size: number }

/** The first network of the pools that overlaps none of `taken`. Undefined when there is none left. */
export const firstFreeSubnet = (pools: readonly AddressPool[], taken: readonly Subnet[]): Subnet | undefined => {
  for (const pool of pools) {
    const end = pool.base.base + sizeOf(pool.base.prefix)
    for (let base = pool.base.base; base < end; base += sizeOf(pool.size)) {
      const candidate: Subnet = { base, prefix: pool.size }
      if (!taken.some(other => overlaps(candidate, other))) return candidate
    }
  }
  return undefined
}

/** Who has which address of one subnet. The lowest free address after the last one given comes next, so that a freed one rests for a while. */
export class AddressAllocator {
  readonly #range: Subnet
  readonly #taken: Set<number>
  #last: number

  /** `range` may be a part of the subnet; network address, broadcast address and gateway are never given. */
  constructor(subnet: Subnet, reserved: readonly number[], range: Subnet = subnet) {
    this.#range = range
    this.#taken = new Set([subnet.base, subnet.base + sizeOf(subnet.prefix) - 1, ...reserved])
    this.#last = range.base
  }

  /** Undefined when all are taken. */
  allocate(): number | undefined {
    const size = sizeOf(this.#range.prefix)
    for (let step = 1; step <= size; step++) {
      const candidate = this.#range.base + ((this.#last - this.#range.base + step) % size)
      if (this.#taken.has(candidate)) continue
      this.#taken.add(candidate)
      this.#last = candidate
      return candidate
    }
    return undefined
  }

  /** Takes one address. False when somebody has it. */
  claim(address: number): boolean {
    if (this.#taken.has(address)) return false
    this.#taken.add(address)
    return true
  }

  release(address: number): void {
    this.#taken.delete(address)
  }
}
