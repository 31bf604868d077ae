/** Docker Hub's registry goes by one name and lives at another. */
const HUB = 'https://registry-1.docker.io'
export const HUB_DOMAIN = 'docker.io'
const HUB_NAMES = [HUB_DOMAIN, 'index.docker.io']

export type Place = { readonly url: string; readonly isMirror: boolean }

/** `https://m` mirrors docker.io, `HOST=https://m` any registry. */
export const parseMirror = (text: string): { domain: string; url: string } => {
  const match = /^([^=/]+)=(.+)$/.exec(text)
  return { domain: match?.[1] ?? HUB_DOMAIN, url: (match?.[2] ?? text).replace(/\/+$/, '') }
}

/** Where a registry's mirrors are, in the order in which they are asked. */
export const mirrorsOf = (domain: string, mirrors: readonly string[]): Place[] => {
  const name = HUB_NAMES.includes(domain) ? HUB_DOMAIN : domain
  return mirrors
    .map(parseMirror)
    .filter(mirror => mirror.domain === name)
    .map(({ url }) => ({ url, isMirror: true }))
}

/** Where the registry itself is: HTTPS, and plain HTTP after it where it is insecure. */
export const homesOf = (domain: string, isInsecure: boolean): Place[] => {
  if (HUB_NAMES.includes(domain)) return [{ url: HUB, isMirror: false }]
  const schemes = isInsecure ? ['https', 'http'] : ['https']
  return schemes.map(scheme => ({ url: `${scheme}://${domain}`, isMirror: false }))
}
