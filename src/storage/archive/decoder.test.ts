import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Decoder } from './decoder.ts'
import { IsalDecoder } from './isal-decoder.ts'
import { ZlibDecoder } from './zlib-decoder.ts'

const text = Buffer.from(
  Array.from({ length: 3000 }, (_, at) => createHash('sha256').update(`${at}`).digest('base64')).join(' words '),
)
const gz = gzipSync(text)

const decode = (decoder: Decoder, packed: Buffer, step: number, room: number): Buffer => {
  const pieces: Buffer[] = []
  const output = Buffer.alloc(room)
  try {
    for (let at = 0; at < packed.length; at += step) {
      let rest = packed.subarray(at, at + step)
      for (let full = true; full || rest.length > 0; ) {
        const { read, written } = decoder.step(rest, output)
        pieces.push(Buffer.from(output.subarray(0, written)))
        rest = rest.subarray(read)
        full = written === room
      }
    }
    decoder.finish()
  } finally {
    decoder[Symbol.dispose]()
  }
  return Buffer.concat(pieces)
}

const bent = (at: number): Buffer => {
  const copy = Buffer.from(gz)
  copy[at] = (copy[at] as number) ^ 0xff
  return copy
}
const header = Buffer.from(gz.subarray(0, 10))
header[3] = 0x1c
const good: Readonly<Record<string, Buffer>> = {
  'one member': gz,
  'two members': Buffer.concat([gzipSync(text.subarray(0, 1000)), gzipSync(text.subarray(1000))]),
  'members of nothing': Buffer.concat([gzipSync(''), gz, gzipSync('')]),
  'zeros at the end': Buffer.concat([gz, Buffer.alloc(700)]),
  'stored blocks': gzipSync(text, { level: 0 }),
  'extra field, name and comment': Buffer.concat([header, Buffer.from('\x03\0abcname\0comment\0'), gz.subarray(10)]),
}
const broken: Readonly<Record<string, Buffer>> = {
  'cut off': gz.subarray(0, -30),
  'cut off by a byte': gz.subarray(0, -1),
  'cut off in the second member': Buffer.concat([gz, gz.subarray(0, 20)]),
  'a wrong checksum': bent(gz.length - 7),
  'a wrong length': bent(gz.length - 3),
  'a bit turned': bent(gz.length >> 1),
  'another method': bent(2),
  'something after it': Buffer.concat([gz, Buffer.from('garbage')]),
  'something after zeros': Buffer.concat([gz, Buffer.alloc(600), Buffer.from('x')]),
}

const decoders: Readonly<Record<string, () => Decoder | undefined>> = {
  libisal: () => IsalDecoder.make(),
  zlib: () => new ZlibDecoder('gzip'),
}

// Whichever there is on a machine, layers are the same to it.
for (const [name, make] of Object.entries(decoders)) {
  const options = { skip: make() ? false : 'libisal2 is not installed' }
  for (const [what, packed] of Object.entries(good)) {
    test(`${name} decodes gzip in steps of any length: ${what}`, options, () => {
      for (const [step, room] of [
        [packed.length, 1 << 20],
        [1, 1000],
        [7, 13],
        [5000, 4096],
      ] as const)
        assert.ok(decode(make() as Decoder, packed, step, room).equals(text), `${step} bytes a step`)
    })
  }
  for (const [what, packed] of Object.entries(broken)) {
    test(`${name} refuses gzip: ${what}`, options, () => {
      for (const [step, room] of [
        [packed.length, 1 << 20],
        [1, 1000],
        [5000, 4096],
      ] as const)
        assert.throws(() => decode(make() as Decoder, packed, step, room), { kind: 'InvalidArgument' }, `${step}`)
    })
  }
}
