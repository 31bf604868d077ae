// COPY and ADD: what lands where, whose it is, and what is refused. Asked of Docker 28.5, but where a comment says otherwise.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { encodeEntry, endOfArchive, tarEntry } from '../../src/storage/archive/tar-writer.ts'
import { build, type Context, lastOutput } from '../harness/build.ts'
import { TestDaemon } from '../harness/daemon.ts'

let daemon: TestDaemon
before(async () => {
  daemon = await TestDaemon.start()
})
after(() => daemon[Symbol.asyncDispose]())

const archive = Buffer.concat([
  encodeEntry(tarEntry({ path: 'x', type: 'directory', mode: 0o750, uid: 9, gid: 9 })),
  encodeEntry(tarEntry({ path: 'x/f', uid: 9, gid: 9, mode: 0o640 })),
  endOfArchive(),
])

const FILES: Context = {
  'a.txt': 'A\n',
  'b.txt': 'B\n',
  tool: { content: '#!/bin/sh\n', mode: 0o755 },
  'sub/s.txt': 'S\n',
  'sub/deep/d.txt': 'D\n',
  closed: { directory: true, mode: 0o700 },
  'closed/p': { content: 'P\n', mode: 0o600 },
  link: { link: 'a.txt' },
  dirlink: { link: 'sub' },
  absolute: { link: '/a.txt' },
  't.tar': { content: archive },
  't.tgz': { content: gzipSync(archive) },
  'over/lnk/f1': '1\n',
  'over/to-link': '2\n',
  'sp ace/ü.txt': 'U\n',
}

/** Owner, mode, kind and name of everything below a directory. */
const LIST = `cd /t && find . | sort | xargs -n1 -I{} stat -c '%u:%g %a %N' '{}'`
const listing = async (dockerfile: string): Promise<string[]> => {
  const result = await build(daemon.client, `FROM busybox\n${dockerfile}\nRUN ${LIST}\n`, FILES)
  assert.equal(result.error, undefined, result.text)
  return lastOutput(result)
    .trim()
    .split('\n')
    .map(line => line.replaceAll("'", ''))
}

for (const [name, dockerfile, expected] of [
  ['a file to a name', 'COPY a.txt /t/n', ['0:0 755 .', '0:0 644 ./n']],
  ['a file to a directory', 'COPY a.txt /t/d/', ['0:0 755 .', '0:0 755 ./d', '0:0 644 ./d/a.txt']],
  [
    'a file to a directory that is there',
    'RUN mkdir -p /t/d\nCOPY a.txt /t/d',
    ['0:0 755 .', '0:0 755 ./d', '0:0 644 ./d/a.txt'],
  ],
  [
    'a directory gives its content',
    'COPY sub /t',
    ['0:0 755 .', '0:0 755 ./deep', '0:0 644 ./deep/d.txt', '0:0 644 ./s.txt'],
  ],
  ['several files', 'COPY a.txt tool /t/', ['0:0 755 .', '0:0 644 ./a.txt', '0:0 755 ./tool']],
  // The classic builder asks for a slash; BuildKit takes a dot for one, and people write it.
  [
    'several files to the working directory',
    'WORKDIR /t\nCOPY a.txt b.txt .',
    ['0:0 755 .', '0:0 644 ./a.txt', '0:0 644 ./b.txt'],
  ],
  ['wildcards', 'COPY *.txt s?b/*.txt /t/', ['0:0 755 .', '0:0 644 ./a.txt', '0:0 644 ./b.txt', '0:0 644 ./s.txt']],
  ['a class of characters', 'COPY [^b].txt /t/', ['0:0 755 .', '0:0 644 ./a.txt']],
  ['names with spaces and umlauts', 'COPY ["sp ace", "/t/"]', ['0:0 755 .', '0:0 644 ./ü.txt']],
  [
    'links that are named are followed',
    'COPY link dirlink absolute /t/',
    ['0:0 755 .', '0:0 644 ./absolute', '0:0 755 ./deep', '0:0 644 ./deep/d.txt', '0:0 644 ./link', '0:0 644 ./s.txt'],
  ],
  ['modes below a directory are kept, its own is not', 'COPY closed /t', ['0:0 755 .', '0:0 600 ./p']],
  [
    'owner by name',
    'COPY --chown=nobody:root sub/s.txt /t/d/',
    ['65534:0 755 .', '65534:0 755 ./d', '65534:0 644 ./d/s.txt'],
  ],
  [
    'owner by number',
    'COPY --chown=7 sub /t',
    ['7:7 755 .', '7:7 755 ./deep', '7:7 644 ./deep/d.txt', '7:7 644 ./s.txt'],
  ],
  ['owner from a variable', 'ARG O=7:8\nCOPY --chown=$O a.txt /t/', ['7:8 755 .', '7:8 644 ./a.txt']],
  ['mode in octal', 'COPY --chmod=4711 a.txt /t/', ['0:0 755 .', '0:0 4711 ./a.txt']],
  ['mode in letters', 'COPY --chmod=u=rwX,go=,o+r a.txt tool /t/', ['0:0 755 .', '0:0 604 ./a.txt', '0:0 704 ./tool']],
  [
    'ADD unpacks archives, as their owners',
    'ADD t.tgz a.txt /t/',
    ['0:0 755 .', '0:0 644 ./a.txt', '9:9 750 ./x', '9:9 640 ./x/f'],
  ],
  ['COPY does not unpack', 'COPY t.tar /t/', ['0:0 755 .', '0:0 644 ./t.tar']],
  [
    'a link in the destination is followed inside the image',
    'RUN mkdir -p /t/real && ln -s /t/real /l\nCOPY a.txt /l/x/',
    ['0:0 755 .', '0:0 755 ./real', '0:0 755 ./real/x', '0:0 644 ./real/x/a.txt'],
  ],
  [
    'a link that climbs stays in the image',
    'RUN mkdir /t && ln -s ../../../../t /t/up\nCOPY a.txt /t/up/',
    ['0:0 755 .', '0:0 644 ./a.txt', '0:0 777 ./up -> ../../../../t'],
  ],
  [
    'a link to nowhere is made real',
    'RUN mkdir /t && ln -s /t/new /t/l\nCOPY a.txt /t/l',
    ['0:0 755 .', '0:0 777 ./l -> /t/new', '0:0 644 ./new'],
  ],
  // The classic builder puts a directory in the link's place, which breaks every image with /bin -> usr/bin.
  [
    'a directory over a link to one keeps the link',
    'RUN mkdir -p /t/real && ln -s real /t/lnk && ln -s real /t/to-link\nCOPY over /t',
    ['0:0 755 .', '0:0 777 ./lnk -> real', '0:0 755 ./real', '0:0 644 ./real/f1', '0:0 644 ./to-link'],
  ],
  ['WORKDIR is made as root', 'USER nobody\nWORKDIR /t\nWORKDIR w\nUSER root', ['0:0 755 .', '0:0 755 ./w']],
  [
    'here-documents',
    'ENV X=1\nCOPY --chmod=700 <<one <<"two" /t/\n$X "q"\none\n$X\ntwo\nRUN cat /t/one /t/two >/t/all',
    ['0:0 755 .', '0:0 644 ./all', '0:0 700 ./one', '0:0 700 ./two'],
  ],
] as const) {
  test(`copy: ${name}`, async () => assert.deepEqual(await listing(dockerfile), expected))
}

test('times of files are those of the context', async () => {
  const result = await build(daemon.client, 'FROM busybox\nCOPY a.txt /t\nRUN stat -c %Y /t', FILES)
  assert.equal(lastOutput(result), '1600000000\n')
})

test('COPY --from a stage or an image keeps owners and modes', async () => {
  const result = await build(
    daemon.client,
    `FROM busybox AS Made
RUN mkdir -p /s/in && chown 5:5 /s/in && echo a >/s/in/f && chown 6:6 /s/in/f && chmod 4755 /s/in/f && ln -s /s/in /s/l && ln -s in/f /s/lf
FROM busybox
COPY --from=made /s /t
COPY --from=0 /s/l /t/u
COPY --from=made s/in/../lf /t/v
COPY --from=busybox /bin/busybox /t/w
RUN ${LIST}`,
    FILES,
  )
  assert.deepEqual(lastOutput(result).trim().replaceAll("'", '').split('\n'), [
    '0:0 755 .',
    '5:5 755 ./in',
    '6:6 4755 ./in/f',
    '0:0 777 ./l -> /s/in',
    '0:0 777 ./lf -> in/f',
    '0:0 755 ./u',
    '6:6 4755 ./u/f',
    '6:6 4755 ./v',
    '0:0 755 ./w',
  ])
})
