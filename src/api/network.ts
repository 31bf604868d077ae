/** Wire types of `/networks`: Docker Engine API 1.52. */
export type IpamPool = {
  readonly Subnet?: string
  readonly IPRange?: string
  readonly Gateway?: string
  readonly AuxiliaryAddresses?: Readonly<Record<string, string>>
}
export type Ipam = {
  readonly Driver?: string
  readonly Options?: Readonly<Record<string, string>> | null
  readonly Config?: readonly IpamPool[] | null
}
/** `GET /networks/{id}` */
export type NetworkInspect = {
  readonly Name: string
  readonly Id: string
  readonly Created: string
  readonly Scope: string
  readonly Driver: string
  readonly EnableIPv4: boolean
  readonly EnableIPv6: boolean
  readonly IPAM: Ipam
  readonly Internal: boolean
  readonly Attachable: boolean
  readonly Ingress: boolean
  readonly ConfigFrom: { readonly Network: string }
  readonly ConfigOnly: boolean
  readonly Containers: Readonly<Record<string, NetworkContainer>>
  readonly Options: Readonly<Record<string, string>>
  readonly Labels: Readonly<Record<string, string>>
}
export type NetworkContainer = {
  readonly Name: string
  readonly EndpointID: string
  readonly MacAddress: string
  readonly IPv4Address: string
  readonly IPv6Address: string
}
