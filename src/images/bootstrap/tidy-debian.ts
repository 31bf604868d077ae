import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { formatDebianSources, formatSourcesList, type Mirrors } from './apt-sources.ts'
import type { Suite } from './catalogue.ts'

export type TidyOptions = {
  readonly suite: Suite
  readonly slim: boolean
  /** As containers reach them. */
  readonly mirrors: Mirrors
  /** False: the mirror is frozen, and its index has run out. */
  readonly checkValidUntil: boolean
}

const PUBLIC_KEYRINGS = [
  '/usr/share/keyrings/debian-archive-keyring.pgp',
  '/usr/share/keyrings/debian-archive-keyring.gpg',
]

/** Turns an installed Debian into what its official images are: no traces of the making, and apt set up for layers. */
export const tidyDebian = (root: string, options: TidyOptions): void => {
  removeTraces(root)
  if (options.slim) slimDown(root)
  writeAptSettings(root, options)
  for (const name of ['hostname', 'hosts', 'resolv.conf']) {
    // Every container has its own over it; with the file there, nothing has to be made for that.
    rmSync(join(root, 'etc', name), { force: true })
    writeFileSync(join(root, 'etc', name), '', { mode: 0o644 })
  }
}

const removeTraces = (root: string): void => {
  for (const directory of [
    'dev',
    'proc',
    'sys',
    'tmp',
    'var/tmp',
    'var/lib/apt/lists',
    'var/cache/apt',
    'var/cache/ldconfig',
    'var/cache/man',
  ]) {
    for (const name of list(join(root, directory)))
      rmSync(join(root, directory, name), { recursive: true, force: true })
  }
  mkdirSync(join(root, 'var/lib/apt/lists/partial'), { recursive: true })
  mkdirSync(join(root, 'var/cache/apt/archives/partial'), { recursive: true })
  emptyLogs(join(root, 'var/log'))
  for (const directory of ['var/cache/debconf', 'var/lib/dpkg']) {
    for (const name of list(join(root, directory)))
      if (/(-old|^lock.*)$/.test(name)) rmSync(join(root, directory, name))
  }
  // Without its states apt takes all packages for wanted, and removes none of them by itself.
  for (const file of [
    'etc/apt/apt.conf.d/99mmdebstrap',
    'etc/dpkg/dpkg.cfg.d/99mmdebstrap',
    'etc/.pwd.lock',
    'var/lib/dbus/machine-id',
    'var/lib/apt/extended_states',
  ]) {
    rmSync(join(root, file), { force: true })
  }
  // Old versions of mmdebstrap make links for architectures that the suite has given up.
  for (const name of ['lib32', 'libx32', 'libo32']) {
    const link = lstatSync(join(root, name), { throwIfNoEntry: false })
    if (!link?.isSymbolicLink() || list(join(root, 'usr', name)).length > 0) continue
    rmSync(join(root, name))
    rmSync(join(root, 'usr', name), { recursive: true, force: true })
  }
  const machineId = join(root, 'etc/machine-id')
  if (existsSync(machineId)) truncateSync(machineId)
}

/** Books of logins stay, empty; everything else that was logged goes. */
const emptyLogs = (directory: string): void => {
  for (const name of list(directory)) {
    const path = join(directory, name)
    if (statSync(path).isDirectory()) emptyLogs(path)
    else if (/^(btmp|wtmp|lastlog|faillog)$/.test(name)) truncateSync(path)
    else rmSync(path)
  }
}

const EXCLUDED = ['doc', 'groff', 'info', 'linda', 'lintian', 'locale', 'man']

/** Takes out what people read, and tells dpkg to leave it out of what comes later. Licences stay, as they must. */
const slimDown = (root: string): void => {
  const share = join(root, 'usr/share')
  for (const name of EXCLUDED) {
    if (name === 'doc') for (const entry of list(join(share, name))) keepCopyright(join(share, name, entry))
    else
      for (const entry of list(join(share, name)))
        if (entry !== 'locale.alias') rmSync(join(share, name, entry), { recursive: true, force: true })
  }
  // Packages whose scripts put links in here fail without it.
  for (let section = 1; section <= 8; section++) mkdirSync(join(share, `man/man${section}`), { recursive: true })
  write(root, 'etc/dpkg/dpkg.cfg.d/docker', [
    '# The "slim" variant: files that containers rarely need are left out, also of packages installed later.',
    ...EXCLUDED.map(name => `path-exclude /usr/share/${name}/*`),
    'path-include /usr/share/doc/*/copyright',
    'path-include /usr/share/locale/locale.alias',
  ])
}

const keepCopyright = (directory: string): void => {
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return
  for (const name of list(directory))
    if (name !== 'copyright') rmSync(join(directory, name), { recursive: true, force: true })
  if (list(directory).length === 0) rmSync(directory, { recursive: true })
}

const writeAptSettings = (root: string, { suite, mirrors, checkValidUntil }: TidyOptions): void => {
  const clean = 'rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true'
  write(root, 'etc/apt/apt.conf.d/docker-clean', [
    '# Packages and indexes that were downloaded have no place in a layer.',
    `DPkg::Post-Invoke { "${clean}"; };`,
    `APT::Update::Post-Invoke { "${clean}"; };`,
    'Dir::Cache::pkgcache "";',
    'Dir::Cache::srcpkgcache "";',
  ])
  write(root, 'etc/apt/apt.conf.d/docker-gzip-indexes', ['Acquire::GzipIndexes "true";'])
  write(root, 'etc/apt/apt.conf.d/docker-no-languages', ['Acquire::Languages "none";'])
  write(root, 'etc/apt/apt.conf.d/docker-autoremove-suggests', ['Apt::AutoRemove::SuggestsImportant "false";'])
  write(root, 'etc/dpkg/dpkg.cfg.d/docker-apt-speedup', [
    '# A layer is thrown away when its making is cut off: no need to wait for the disk.',
    'force-unsafe-io',
  ])
  if (!checkValidUntil) {
    write(root, 'etc/apt/apt.conf.d/frozen-mirror', [
      '# The mirror that this image came from is a frozen one.',
      'Acquire::Check-Valid-Until "false";',
    ])
  }
  write(root, 'usr/sbin/policy-rc.d', ['#!/bin/sh', '# No services are started by being installed.', 'exit 101'])
  chmodSync(join(root, 'usr/sbin/policy-rc.d'), 0o755)
  if (suite.name === 'bullseye') write(root, 'etc/apt/sources.list', [formatSourcesList(suite.name, mirrors).trimEnd()])
  else {
    rmSync(join(root, 'etc/apt/sources.list'), { force: true })
    for (const name of list(join(root, 'etc/apt/sources.list.d'))) rmSync(join(root, 'etc/apt/sources.list.d', name))
    const keyring = PUBLIC_KEYRINGS.find(path => existsSync(join(root, path))) ?? PUBLIC_KEYRINGS[1]
    write(root, 'etc/apt/sources.list.d/debian.sources', [
      formatDebianSources(suite.name, mirrors, keyring as string).trimEnd(),
    ])
  }
}

/** Whether a root's configuration of apt says that indexes may run out. */
export const checksValidUntil = (aptConfig: string): boolean =>
  !/^Acquire::Check-Valid-Until "(0|false|no)";$/im.test(aptConfig)

const write = (root: string, path: string, lines: readonly string[]): void => {
  const target = join(root, path)
  writeFileSync(target, `${lines.join('\n')}\n`)
  chmodSync(target, 0o644)
}

const list = (directory: string): string[] => (existsSync(directory) ? readdirSync(directory) : [])
