/** One archive that apt is told of: a line `deb`, or a stanza of a `.sources` file. */
export type AptSource = {
  readonly uris: readonly string[]
  readonly suites: readonly string[]
  readonly components: readonly string[]
}

/** Reads one-line format and deb822, whichever it is; what is disabled, or only for sources, is left out. */
export const parseAptSources = (text: string, file: string): AptSource[] =>
  file.endsWith('.sources') ? parseStanzas(text) : parseLines(text)

const parseLines = (text: string): AptSource[] =>
  text.split('\n').flatMap((line): AptSource[] => {
    const match = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s*(.*)$/.exec(line.replace(/#.*/, '').trim())
    if (!match) return []
    const [, uri, suite, components] = match as unknown as [string, string, string, string]
    return [{ uris: [uri], suites: [suite], components: words(components) }]
  })

const parseStanzas = (text: string): AptSource[] =>
  text.split(/\n\s*\n/).flatMap((stanza): AptSource[] => {
    const fields = new Map<string, string>()
    let last = ''
    for (const line of stanza.split('\n')) {
      if (line.startsWith('#')) continue
      const match = /^([A-Za-z-]+):(.*)$/.exec(line)
      if (match) {
        last = (match[1] as string).toLowerCase()
        fields.set(last, (match[2] as string).trim())
      } else if (/^\s/.test(line)) fields.set(last, `${fields.get(last) ?? ''} ${line.trim()}`)
    }
    const enabled = !/^(no|false|0)$/i.test(fields.get('enabled') ?? 'yes')
    if (!enabled || !words(fields.get('types')).includes('deb')) return []
    return [
      {
        uris: words(fields.get('uris')),
        suites: words(fields.get('suites')),
        components: words(fields.get('components')),
      },
    ]
  })

const words = (text: string | undefined): string[] => (text ?? '').split(/\s+/).filter(Boolean)

export type Mirrors = { readonly main: string; readonly security: string }

export const PUBLIC_MIRRORS: Mirrors = {
  main: 'http://deb.debian.org/debian',
  security: 'http://deb.debian.org/debian-security',
}

const DEBIAN_SUITE =
  /^(buster|bullseye|bookworm|trixie|forky|duke|sid|unstable|testing|(old){0,2}stable)(-updates|-proposed-updates|-backports)?$/
const SECURITY_SUITE = /^(bullseye|bookworm|trixie|forky|duke|testing|(old){0,2}stable)-security$/

/** Where this host gets Debian's packages from; the public mirrors for what it does not say. */
export const debianMirrors = (sources: readonly AptSource[]): Mirrors => {
  const first = (suite: RegExp): string | undefined =>
    sources
      .find(({ suites, uris }) => uris.length > 0 && suites.some(name => suite.test(name)))
      ?.uris[0]?.replace(/\/+$/, '')
  return {
    main: first(DEBIAN_SUITE) ?? PUBLIC_MIRRORS.main,
    security: first(SECURITY_SUITE) ?? PUBLIC_MIRRORS.security,
  }
}

/** The same, for use inside containers: what only works on this host becomes the public mirror. */
export const mirrorsForContainers = ({ main, security }: Mirrors): Mirrors => ({
  main: isReachable(main) ? main : PUBLIC_MIRRORS.main,
  security: isReachable(security) ? security : PUBLIC_MIRRORS.security,
})

/** Local files, this host's loopback, and TLS (a minimal image has no certificates to check it with) do not work in there. */
const isReachable = (uri: string): boolean => /^http:\/\/(?!localhost[:/]|127\.|\[::1\]|\[?0)/.test(uri)

/** `/etc/apt/sources.list.d/debian.sources` of an image. */
export const formatDebianSources = (suite: string, { main, security }: Mirrors, keyring: string): string =>
  [
    `Types: deb\nURIs: ${main}\nSuites: ${suite} ${suite}-updates\nComponents: main\nSigned-By: ${keyring}\n`,
    `Types: deb\nURIs: ${security}\nSuites: ${suite}-security\nComponents: main\nSigned-By: ${keyring}\n`,
  ].join('\n')

/** `/etc/apt/sources.list`, for suites before bookworm. */
export const formatSourcesList = (suite: string, { main, security }: Mirrors): string =>
  [`deb ${main} ${suite} main`, `deb ${security} ${suite}-security main`, `deb ${main} ${suite}-updates main`, ''].join(
    '\n',
  )
