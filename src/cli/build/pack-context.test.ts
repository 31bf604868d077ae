import assert from 'node:assert/strict'
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseIgnoreRules } from './ignore-rules.ts'
import { packContext } from './pack-context.ts'
import { tarHeader } from './tar-writer.ts'

type Seen = { name: string; flag: string; link: string; data: string }

const text = (block: Buffer, at: number, length: number): string =>
  block.toString('utf8', at, at + length).replace(/\0.*$/s, '')

const read = (tar: Buffer): Seen[] => {
  const seen: Seen[] = []
  let long: string | undefined
  for (let at = 0; at < tar.length && tar[at] !== 0; ) {
    const header = tar.subarray(at, at + 512)
    const size = Number.parseInt(text(header, 124, 12), 8)
    const data = tar.toString('utf8', at + 512, at + 512 + size)
    const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0)
    assert.equal(Number.parseInt(text(header, 148, 8), 8), sum)
    assert.equal(text(header, 108, 8) + text(header, 116, 8), '00000000000000')
    const flag = text(header, 156, 1)
    if (flag === 'x') long = /\d+ path=(.*)\n/.exec(data)?.[1]
    else {
      seen.push({ name: long ?? text(header, 0, 100), flag, link: text(header, 157, 100), data })
      long = undefined
    }
    at += 512 + Math.ceil(size / 512) * 512
  }
  assert.equal(tar.length % 512, 0)
  return seen
}

const pack = async (
  root: string,
  ignore: string,
  keep: string[] = [],
  extra: { name: string; data: Buffer }[] = [],
): Promise<Seen[]> => {
  const chunks: Buffer[] = []
  for await (const chunk of packContext(root, parseIgnoreRules(ignore, keep), extra)) chunks.push(chunk)
  return read(Buffer.concat(chunks))
}

test('a context in order, with links, long names and what is to be ignored left out', async () => {
  const root = mkdtempSync(join(tmpdir(), 'tare-context-'))
  try {
    const long = `${'n'.repeat(90)}/${'m'.repeat(60)}`
    mkdirSync(join(root, 'node_modules/x'), { recursive: true })
    mkdirSync(join(root, 'logs'))
    mkdirSync(join(root, 'n'.repeat(90)))
    for (const [name, data] of Object.entries({
      'b.txt': 'bee',
      'a.log': '1',
      'logs/keep.log': 'k',
      'logs/drop.log': 'd',
      'node_modules/x/y': 'y',
      [long]: 'L',
    }))
      writeFileSync(join(root, name), data)
    symlinkSync('b.txt', join(root, 'c'))
    linkSync(join(root, 'b.txt'), join(root, 'd'))
    const seen = await pack(
      root,
      '# comment\nnode_modules\n*.log\nlogs\n!logs/keep.log\n',
      [],
      [{ name: '.dockerfile.x', data: Buffer.from('FROM scratch') }],
    )
    assert.deepEqual(
      seen.map(({ name, flag, link, data }) => [name, flag, link, data].join('|')),
      [
        'b.txt|0||bee',
        'c|2|b.txt|',
        'd|1|b.txt|',
        'logs/keep.log|0||k',
        `${'n'.repeat(90)}/|5||`,
        `${long}|0||L`,
        '.dockerfile.x|0||FROM scratch',
      ],
    )
  } finally {
    rmSync(root, { recursive: true })
  }
})

test('the Dockerfile and the ignore file travel whatever the rules say', () => {
  const rules = parseIgnoreRules('*\n', ['Dockerfile', '.dockerignore'])
  assert.deepEqual(['Dockerfile', '.dockerignore', 'x'].map(rules.ignores), [false, false, true])
})

test('an ignored directory is not read when nothing in it can come back', () => {
  const rules = parseIgnoreRules('a\nb\nc\n!b/deep/file\n!c*/x\n', [])
  assert.deepEqual(['a', 'b', 'b/deep', 'b/other', 'c'].map(rules.prunes), [true, false, false, true, false])
})

test('sizes that ustar cannot hold go to a PAX header', () => {
  const header = tarHeader({
    name: 'big',
    type: 'file',
    stat: { mode: 0o644, mtimeMs: 1000, size: 9 * 1024 ** 3, rdev: 0 },
  })
  assert.equal(header.length, 3 * 512)
  assert.match(header.toString('latin1'), /19 size=9663676416\n/)
})
