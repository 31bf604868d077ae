import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TareError } from '../errdefs.ts'
import {
  canonicalName,
  familiarName,
  familiarRepository,
  parseReference,
  repositoryName,
  withDefaultTag,
} from './reference.ts'

const HEX = 'a'.repeat(64)
const DIGEST = `sha256:${HEX}`

/** What is typed → whole, and as Docker shows it. */
const GOOD: readonly (readonly [typed: string, canonical: string, familiar: string])[] = [
  ['debian', 'docker.io/library/debian:latest', 'debian:latest'],
  ['debian:bookworm-slim', 'docker.io/library/debian:bookworm-slim', 'debian:bookworm-slim'],
  ['library/debian', 'docker.io/library/debian:latest', 'debian:latest'],
  ['docker.io/debian', 'docker.io/library/debian:latest', 'debian:latest'],
  ['index.docker.io/library/debian', 'docker.io/library/debian:latest', 'debian:latest'],
  ['me/app', 'docker.io/me/app:latest', 'me/app:latest'],
  ['a/b/c:1', 'docker.io/a/b/c:1', 'a/b/c:1'],
  ['localhost/app', 'localhost/app:latest', 'localhost/app:latest'],
  ['localhost:5000/app', 'localhost:5000/app:latest', 'localhost:5000/app:latest'],
  ['localhost:5000/a/b:tag', 'localhost:5000/a/b:tag', 'localhost:5000/a/b:tag'],
  ['127.0.0.1:80/a', '127.0.0.1:80/a:latest', '127.0.0.1:80/a:latest'],
  ['[::1]:5000/a', '[::1]:5000/a:latest', '[::1]:5000/a:latest'],
  ['quay.io/x/y', 'quay.io/x/y:latest', 'quay.io/x/y:latest'],
  // A colon without a slash after it is a tag, even one that looks like a port.
  ['app:5000', 'docker.io/library/app:5000', 'app:5000'],
  // A first part with a capital cannot be a repository, so it is a host.
  ['Uppercase/app', 'Uppercase/app:latest', 'Uppercase/app:latest'],
  ['a__b.c-d---e', 'docker.io/library/a__b.c-d---e:latest', 'a__b.c-d---e:latest'],
  [`debian@${DIGEST}`, `docker.io/library/debian@${DIGEST}`, `debian@${DIGEST}`],
  [`debian:1@${DIGEST}`, `docker.io/library/debian:1@${DIGEST}`, `debian:1@${DIGEST}`],
  [`${HEX}:tag`, `docker.io/library/${HEX}:tag`, `${HEX}:tag`],
  [HEX.slice(1), `docker.io/library/${HEX.slice(1)}:latest`, `${HEX.slice(1)}:latest`],
  ['x:_Tag.9-', 'docker.io/library/x:_Tag.9-', 'x:_Tag.9-'],
  [`x:${'t'.repeat(128)}`, `docker.io/library/x:${'t'.repeat(128)}`, `x:${'t'.repeat(128)}`],
]

for (const [typed, canonical, familiar] of GOOD) {
  test(`${typed.slice(0, 40)} is ${canonical.slice(0, 60)}`, () => {
    const reference = withDefaultTag(parseReference(typed))
    assert.equal(canonicalName(reference), canonical)
    assert.equal(familiarName(reference), familiar)
    // What Docker shows can be typed, and what is whole stays as it is.
    assert.deepEqual(withDefaultTag(parseReference(familiar)), reference)
    if (!canonical.startsWith('Uppercase')) assert.deepEqual(parseReference(canonical), reference)
  })
}

test('names without tag and digest', () => {
  const reference = parseReference('localhost:5000/a/b:1')
  assert.equal(repositoryName(reference), 'localhost:5000/a/b')
  assert.equal(familiarRepository(reference), 'localhost:5000/a/b')
  assert.equal(familiarRepository(parseReference('debian')), 'debian')
  assert.equal(familiarRepository(parseReference('me/app')), 'me/app')
})

test('no tag is not latest until asked for', () => {
  assert.equal(parseReference('debian').tag, undefined)
  assert.equal(withDefaultTag(parseReference(`debian@${DIGEST}`)).tag, undefined)
})

const BAD: readonly (readonly [typed: string, message: string])[] = [
  ['', 'invalid reference format'],
  ['a:', 'invalid reference format'],
  [':a', 'invalid reference format'],
  ['a b', 'invalid reference format'],
  ['a/', 'invalid reference format'],
  ['/a', 'invalid reference format'],
  ['a//b', 'invalid reference format'],
  ['-a', 'invalid reference format'],
  ['a-', 'invalid reference format'],
  ['a..b', 'invalid reference format'],
  ['a___b', 'invalid reference format'],
  ['../etc/passwd', 'invalid reference format'],
  ['a:-tag', 'invalid reference format'],
  [`a:${'t'.repeat(129)}`, 'invalid reference format'],
  ['a@sha256:abc', 'invalid reference format'],
  ['a@', 'invalid reference format'],
  ['a\n', 'invalid reference format'],
  ['host.name:port/a', 'invalid reference format'],
  ['Debian', 'invalid reference format: repository name (library/Debian) must be lowercase'],
  ['me/App', 'invalid reference format: repository name (me/App) must be lowercase'],
  [HEX, `invalid repository name (${HEX}), cannot specify 64-byte hexadecimal strings`],
  [`a/${'b'.repeat(256)}`, 'repository name must not be more than 255 characters'],
]

for (const [typed, message] of BAD) {
  test(`${JSON.stringify(typed.slice(0, 40))} is refused`, () => {
    assert.throws(
      () => parseReference(typed),
      error => {
        assert.ok(error instanceof TareError)
        assert.deepEqual({ kind: error.kind, message: error.message }, { kind: 'InvalidArgument', message })
        return true
      },
    )
  })
}
