import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDockerfile } from '../dockerfile/parse-dockerfile.ts'
import { type ConfigInstruction, configure } from './configure.ts'
import { type StageState, scratchState } from './stage-state.ts'
import { effectiveArgs, proxyArgs, unusedBuildArgs } from './step-environment.ts'

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

const after = (
  text: string,
  buildArgs: Record<string, string> = {},
  globals: Record<string, string> = {},
): { state: StageState; comments: string[] } => {
  let state = scratchState({ os: 'linux', architecture: 'amd64' })
  const comments: string[] = []
  const input = { buildArgs, predefined: { TARGETARCH: 'amd64' }, escape: '\\' }
  for (const instruction of parseDockerfile(`FROM x\n${text}`).stages[0]!.instructions) {
    const { comment, ...change } = configure(
      instruction as ConfigInstruction,
      state,
      new Map(Object.entries(globals)),
      input,
    )
    comments.push(comment)
    state = { ...state, ...change }
  }
  return { state, comments }
}
const config = (text: string, buildArgs?: Record<string, string>) => after(text, buildArgs).state.config

test('ENV: later ones replace in place, values of one line do not see each other', () => {
  assert.deepEqual(config('ENV A=1 B="x y"\nENV A=2 C=$A$B').Env, [PATH, 'A=2', 'B=x y', 'C=1x y'])
  assert.deepEqual(config('ENV OLD some words').Env, [PATH, 'OLD=some words'])
})

test('ARG: given, default, global, predefined; ENV comes before it', () => {
  const { state } = after(
    'ARG A=1\nARG B=$A.2\nARG G\nARG TARGETARCH\nARG NONE\nARG GIVEN=no\nENV A=env\nLABEL l=$A$B',
    { GIVEN: 'yes' },
    { G: 'g' },
  )
  assert.deepEqual(Object.fromEntries(state.args), {
    A: '1',
    B: '1.2',
    G: 'g',
    TARGETARCH: 'amd64',
    NONE: undefined,
    GIVEN: 'yes',
  })
  assert.deepEqual(state.config.Labels, { l: 'env1.2' })
  assert.deepEqual(effectiveArgs(state.args, state.config.Env ?? []), ['B=1.2', 'G=g', 'GIVEN=yes', 'TARGETARCH=amd64'])
})

test('proxies reach a RUN without an ARG; other unknown arguments are told of', () => {
  const given = { HTTP_PROXY: 'p', no_proxy: 'q', other: 'x' }
  assert.deepEqual(proxyArgs(given, new Map([['HTTP_PROXY', 'p']]), []), ['no_proxy=q'])
  assert.deepEqual(unusedBuildArgs(given, new Set(['HTTP_PROXY'])), ['other'])
})

test('ENTRYPOINT drops the CMD of the base image, not that of this Dockerfile', () => {
  const base: StageState = { ...scratchState(), config: { Env: [], Cmd: ['base'] } }
  const instruction = parseDockerfile('FROM x\nENTRYPOINT ["e"]').stages[0]!.instructions[0] as ConfigInstruction
  const input = { buildArgs: {}, predefined: {}, escape: '\\' }
  assert.equal(configure(instruction, base, new Map(), input).config.Cmd, undefined)
  assert.deepEqual(config('CMD ["c"]\nENTRYPOINT e x').Cmd, ['c'])
  assert.deepEqual(config('SHELL ["s","-x"]\nENTRYPOINT e x').Entrypoint, ['s', '-x', 'e x'])
})

test('EXPOSE: ranges, protocols, variables that hold several', () => {
  assert.deepEqual(
    Object.keys(config('ENV P="80 81/udp"\nEXPOSE $P 9000-9002 127.0.0.1:5:6/SCTP').ExposedPorts ?? {}),
    ['6/sctp', '80/tcp', '81/udp', '9000/tcp', '9001/tcp', '9002/tcp'],
  )
  for (const bad of ['x', '99999', '5-3', '80/xyz', '1-']) assert.throws(() => config(`EXPOSE ${bad}`), /Invalid/)
})

test('what the history says', () => {
  const { comments } = after(
    'ENV A=1 B=2\nARG V=d W\nEXPOSE 90 80/udp\nVOLUME /v /w\nCMD ["a", "b\\"c"]\nSHELL ["/bin/sh","-c"]\nHEALTHCHECK --interval=90s --retries=2 CMD true\nONBUILD RUN x\nMAINTAINER me\nUSER u\nSTOPSIGNAL SIGTERM\nLABEL a="b c"',
  )
  assert.deepEqual(comments, [
    'ENV A=1 B=2',
    'ARG V=d W',
    'EXPOSE 80/udp 90',
    'VOLUME [/v /w]',
    'CMD ["a" "b\\"c"]',
    'SHELL [/bin/sh -c]',
    'HEALTHCHECK &{[CMD-SHELL true] 1m30s 0s 0s 0s 2}',
    'ONBUILD RUN x',
    'MAINTAINER me',
    'USER u',
    'STOPSIGNAL SIGTERM',
    'LABEL a=b c',
  ])
})

test('signals', () => {
  for (const good of ['9', 'TERM', 'SIGUSR1', 'RTMIN+3', 'SIGRTMAX-1'])
    assert.equal(config(`STOPSIGNAL ${good}`).StopSignal, good)
  for (const bad of ['FOO', '0', 'RTMIN+99'])
    assert.throws(() => config(`STOPSIGNAL ${bad}`), { message: `invalid signal: ${bad}` })
})
