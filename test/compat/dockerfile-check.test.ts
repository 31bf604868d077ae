/**
 * The linter beside BuildKit's. By hand, with buildx as a command (a daemon's address included):
 *     TARE_TEST_BUILDX='docker -H unix:///tmp/peer/docker.sock buildx' .tools/bin/node --test test/compat/dockerfile-check.test.ts
 * The command must see the host's /tmp.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatLints } from '../../src/builder/dockerfile/lint/format-lints.ts'
import { LINT_CASES } from '../../src/builder/dockerfile/lint/lint-cases.suite.ts'
import { lintDockerfile } from '../../src/builder/dockerfile/lint/lint-dockerfile.ts'

const [command, ...prefix] = (process.env.TARE_TEST_BUILDX ?? '').split(' ').filter(word => word !== '')

for (const { text, ignoreFile, differs } of command === undefined ? [] : LINT_CASES) {
  test(`docker build --check: ${JSON.stringify(text)}`, { skip: differs ?? false }, () => {
    const directory = mkdtempSync(join(tmpdir(), 'tare-check-'))
    try {
      writeFileSync(join(directory, 'Dockerfile'), text)
      if (ignoreFile !== undefined) writeFileSync(join(directory, '.dockerignore'), ignoreFile)
      const { stdout, stderr } = spawnSync(command as string, [...prefix, 'build', '--check', '-q', directory], {
        encoding: 'utf8',
      })
      const ours = formatLints(lintDockerfile(text, { ignoreFile, file: join(directory, 'Dockerfile') }))
      // The display of progress leaves empty lines above.
      assert.deepEqual(ours.split('\n'), (stdout + stderr).replace(/^\n+/, '').split('\n'))
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
}
