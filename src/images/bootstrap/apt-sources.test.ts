import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  debianMirrors,
  formatDebianSources,
  mirrorsForContainers,
  PUBLIC_MIRRORS,
  parseAptSources,
} from './apt-sources.ts'
import { bootstrapNames, recipeFor } from './catalogue.ts'
import { checksValidUntil } from './tidy-debian.ts'

test('one-line and deb822 sources say the same', () => {
  const lines = `# deb http://ignored/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main contrib # comment
deb-src http://mirror.example/debian bookworm main
deb http://mirror.example/security/ bookworm-security main`
  const stanzas = `Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .

Enabled: no
Types: deb
URIs: http://disabled/debian
Suites: trixie

# Security
types: deb
uris: http://mirror.example/security
suites: bookworm-security
components: main`
  const expected = { main: 'http://mirror.example/debian', security: 'http://mirror.example/security' }
  assert.deepEqual(debianMirrors(parseAptSources(lines, 'sources.list')), expected)
  assert.deepEqual(debianMirrors(parseAptSources(stanzas, 'debian.sources')), expected)
  assert.deepEqual(parseAptSources(stanzas, 'debian.sources')[0]?.suites, ['bookworm', 'bookworm-updates'])
})

test('a host of another distribution leads to the public mirrors', () => {
  const ubuntu = parseAptSources('deb http://archive.ubuntu.example/ubuntu jammy main', 'sources.list')
  assert.deepEqual(debianMirrors(ubuntu), PUBLIC_MIRRORS)
  assert.deepEqual(debianMirrors([]), PUBLIC_MIRRORS)
})

test('an image gets mirrors that work inside a container', () => {
  const inside = (main: string) => mirrorsForContainers({ main, security: PUBLIC_MIRRORS.security }).main
  assert.equal(inside('http://mirror.example:8080/debian'), 'http://mirror.example:8080/debian')
  for (const local of [
    'file:///srv/debian',
    'http://localhost:3142/debian',
    'http://127.0.0.1/debian',
    'cdrom:x',
    'https://mirror.example/debian',
  ]) {
    assert.equal(inside(local), PUBLIC_MIRRORS.main, local)
  }
  assert.match(
    formatDebianSources('trixie', PUBLIC_MIRRORS, '/k.gpg'),
    /^Types: deb\nURIs: http:.*\nSuites: trixie trixie-updates\n/,
  )
})

test('names that can be made are known by codename and number', () => {
  assert.deepEqual(
    { ...recipeFor('debian:12-slim'), reference: undefined },
    { ...recipeFor('docker.io/library/debian:bookworm-slim'), reference: undefined },
  )
  assert.equal(recipeFor('busybox').kind, 'busybox')
  for (const name of [
    'debian',
    'debian:sid',
    'debian:bookworm-fat',
    'busybox:1.35',
    'ubuntu:22.04',
    'me/debian:bookworm',
  ]) {
    assert.throws(
      () => recipeFor(name),
      { kind: 'InvalidArgument', message: new RegExp(bootstrapNames().join(', ')) },
      name,
    )
  }
})

test('a host that does not ask for the age of indexes is seen', () => {
  assert.equal(checksValidUntil('Acquire::Check-Valid-Until "false";\n'), false)
  assert.equal(checksValidUntil('Acquire::Check-Valid-Until "true";\nAPT "";'), true)
})
