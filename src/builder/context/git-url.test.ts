import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isGitUrl, parseGitUrl } from './git-url.ts'

test('what is a repository, and what a file', () => {
  for (const url of [
    ...['https://h/r.git', 'http://h:8080/a/r.git#v1:sub', 'https://h/r.git/', 'https://h/r.git?ref=x', 'git://h/r'],
    ...['ssh://git@h/r', 'git@h.example:a/r.git', 'git@h:r', 'github.com/a/b'],
  ])
    assert.ok(isGitUrl(url), url)
  for (const url of [
    'https://h/r',
    'https://h/r.github',
    'https://h/x?y=r.git',
    'a/b',
    'git',
    'me@h',
    'x.git',
    'git@h://x',
  ])
    assert.ok(!isGitUrl(url), url)
})

test('the parts of a URL', () => {
  const parts = (text: string) => {
    const { url, ref, directory } = parseGitUrl(text)
    return [url, ref, directory]
  }
  assert.deepEqual(parts('https://h/r.git'), ['https://h/r.git', '', ''])
  assert.deepEqual(parts('https://h/r.git#v1'), ['https://h/r.git', 'v1', ''])
  assert.deepEqual(parts('https://h/r.git#v1:/a//b/'), ['https://h/r.git', 'v1', 'a/b'])
  assert.deepEqual(parts('https://h/r.git#:a'), ['https://h/r.git', '', 'a'])
  assert.deepEqual(parts('git@h:a/r.git#feature/x'), ['git@h:a/r.git', 'feature/x', ''])
  assert.deepEqual(parts('github.com/a/b#main'), ['https://github.com/a/b', 'main', ''])
  assert.deepEqual(parts('https://h/r.git?tag=v1&subdir=d'), ['https://h/r.git', 'refs/tags/v1', 'd'])
  assert.equal(parseGitUrl('https://h/r.git?keep-git-dir').keepGitDir, true)
  assert.equal(parseGitUrl('https://h/r.git?submodules=0').submodules, false)
})

test('refuses what git would misread', () => {
  for (const text of ['#-x', '#a b', '#a..b', '#a*', '?ref=a&tag=b', '?x=1', '?ref=a#b', '#:../x', '?submodules=maybe'])
    assert.throws(() => parseGitUrl(`https://h/r.git${text}`), { kind: 'InvalidArgument' }, text)
})
