// COPY --parents, --exclude, --link, and the corners of directories, wildcards and links: all but --parents, which Docker 28.5 does
// not know yet, asked of BuildKit, but where a comment says otherwise.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { build, type Context, lastOutput } from '../harness/build.ts'
import { TestDaemon } from '../harness/daemon.ts'

let daemon: TestDaemon
before(async () => {
  daemon = await TestDaemon.start()
})
after(() => daemon[Symbol.asyncDispose]())

const FILES: Context = {
  'a/one.txt': '1\n',
  'a/b/two.txt': '2\n',
  'a/b/c/three.md': '3\n',
  'home.txt': '4\n',
  'home.md': '5\n',
  'home.go': '6\n',
  'd/x.go': '7\n',
  'd/up': { link: '../home.txt' },
  e: { directory: true, mode: 0o711 },
  'p/q': { directory: true, mode: 0o750 },
  'p/q/f': 'f\n',
  l: { link: 'home.txt' },
  lb: { link: 'a/b' },
}
const listing = async (dockerfile: string): Promise<string> => {
  const run = `RUN cd /o && find . -mindepth 1 | sort | while read f; do test -d "$f" && test ! -L "$f" && f=$f/; echo -n "\${f#./} "; done`
  const result = await build(daemon.client, `FROM busybox\nWORKDIR /o\n${dockerfile}\n${run}\n`, FILES, { nocache: 1 })
  assert.equal(result.error, undefined, result.text)
  return lastOutput(result).trim()
}

for (const [dockerfile, expected] of [
  [
    'COPY --exclude=*.md --exclude=**/*.go --exclude=Dockerfile --exclude=p . /o/',
    'a/ a/b/ a/b/c/ a/b/c/three.md a/b/two.txt a/one.txt d/ d/up e/ home.txt l lb',
  ],
  // BuildKit copies home.txt, though its own reference says that it does not.
  ['COPY --exclude=*.txt hom* /o/', 'home.go home.md'],
  ['COPY --exclude=home.txt home.txt home.md /o/', 'home.md home.txt'],
  ['COPY --exclude=b a /o/', 'one.txt'],
  ['COPY --exclude=b/c a /o/', 'b/ b/two.txt one.txt'],
  ['COPY --exclude=* --exclude=!b a /o/', 'b/ b/c/ b/c/three.md b/two.txt'],
  ['COPY --exclude=*.txt --exclude=!one.txt a /o/', 'b/ b/c/ b/c/three.md b/two.txt one.txt'],
  ['COPY --exclude=**/c a /o/', 'b/ b/two.txt one.txt'],
  ['COPY --exclude=c a/* /o/', 'one.txt two.txt'],
  ['COPY --exclude=/b/c a /o/', 'b/ b/c/ b/c/three.md b/two.txt one.txt'],
  ['ADD --exclude=b a /o/', 'one.txt'],
  ['COPY a/./b /o', 'c/ c/three.md two.txt'],
  ['COPY nosuch* a/one.txt /o/', 'one.txt'],
  ['COPY nosuch* /o/', ''],
  ['COPY l lb /o/', 'c/ c/three.md l two.txt'],
  ['COPY l* /o/', 'c/ c/three.md l two.txt'],
  ['COPY d /o/', 'up x.go'],
  ['COPY lb/ /o', 'c/ c/three.md two.txt'],
  ['COPY a/ /o', 'b/ b/c/ b/c/three.md b/two.txt one.txt'],
  ['COPY a home.* /o/', 'b/ b/c/ b/c/three.md b/two.txt home.go home.md home.txt one.txt'],
  ['COPY --link a /o', 'b/ b/c/ b/c/three.md b/two.txt one.txt'],
  ['COPY --parents a/b/two.txt home.md /o/', 'a/ a/b/ a/b/two.txt home.md'],
  ['COPY --parents a/b /o/', 'a/ a/b/ a/b/c/ a/b/c/three.md a/b/two.txt'],
  ['COPY --parents a/./b/c home.md /o/', 'b/ b/c/ b/c/three.md home.md'],
  ['COPY --parents ./a/./*/*.txt /o/', 'b/ b/two.txt'],
  ['COPY --parents **/*.txt /o/', 'a/ a/b/ a/b/two.txt a/one.txt home.txt'],
  ['COPY --parents --exclude=**/two.txt a/**/*.txt /o/', 'a/ a/one.txt'],
  ['COPY --parents nosuch/*.txt home.md /o/', 'home.md'],
  ['COPY --parents a/../home.md /o/', 'home.md'],
] as const) {
  test(dockerfile, async () => assert.equal(await listing(dockerfile), expected))
}

test('--parents and --exclude of a stage', async () => {
  const { client } = daemon
  const dockerfile = `FROM busybox AS s
WORKDIR /s
COPY . .
RUN chmod 2755 p && chown 7:8 p && ln -s /etc s-out
FROM busybox
COPY --from=s --parents /s/./p/q /s/home.md /o/
COPY --from=s --exclude=*.txt --exclude=b /s/a /n/
COPY --from=s --parents /s/s-out /w/
RUN cd / && stat -c '%u:%g %a %n' o/p o/p/q o/p/q/f o/s o/s/home.md && ls n && readlink w/s/s-out`
  const result = await build(client, dockerfile, FILES)
  assert.equal(result.error, undefined)
  assert.equal(
    lastOutput(result),
    '7:8 2755 o/p\n0:0 750 o/p/q\n0:0 644 o/p/q/f\n0:0 755 o/s\n0:0 644 o/s/home.md\n/etc\n',
  )
})

test('a named path that is not there fails with --parents, too, through a link out of the stage as well', async () => {
  const { client } = daemon
  const here = await build(client, 'FROM busybox\nCOPY --parents a/nosuch /o/', FILES)
  assert.equal(here.error, 'COPY failed: stat a/nosuch: file does not exist')
  const out = await build(
    client,
    'FROM busybox AS s\nRUN ln -s / /out\nFROM scratch\nCOPY --from=s --parents /out/etc/hostname /',
    FILES,
  )
  assert.equal(out.error, 'COPY failed: stat out/etc/hostname: file does not exist')
})

test('what is excluded does not count for the cache; what is not does', async () => {
  const { client } = daemon
  const dockerfile = 'FROM busybox\nCOPY --exclude=*.md . /cached/\n'
  const first = await build(client, dockerfile, FILES)
  const second = await build(client, dockerfile, { ...FILES, 'home.md': 'other' })
  assert.equal(second.id, first.id)
  const third = await build(client, dockerfile, { ...FILES, 'home.go': 'other' })
  assert.notEqual(third.id, first.id)
  const fourth = await build(client, dockerfile.replace('*.md', '*.go'), FILES)
  assert.notEqual(fourth.id, first.id)
})
