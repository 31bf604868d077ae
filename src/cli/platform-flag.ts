import { type Platform, parsePlatform } from '../oci/platform.ts'
import { Failure } from './failure.ts'
import type { Flags } from './flags/flags.ts'

/** What may stand alone: operating systems and architectures that Go builds for, and what else the latter are called. */
const WORDS = new Set(
  (
    'aix android darwin dragonfly freebsd illumos ios js linux netbsd openbsd plan9 solaris windows zos ' +
    '386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm ' +
    'aarch64 armhf armel i386 x86_64 x86-64'
  ).split(' '),
)
const SYSTEM = /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.-]*)\))?$/
const COMPONENT = /^[A-Za-z0-9_.-]+$/

/** `linux/arm64/v8`, or one part of it. Throws Failure in the words of https://github.com/containerd/platforms, behind `prefix`. */
export const checkPlatform = (text: string, prefix = ''): Platform => {
  const quoted = JSON.stringify(text)
  const fault = (why: string): Failure => new Failure(1, `${prefix}${why}: invalid argument`)
  const [first = '', ...others] = text.split('/')
  if (others.length > 2) throw fault(`${quoted}: cannot parse platform specifier`)
  const system = SYSTEM.exec(first)
  if (!system)
    throw fault(
      `${JSON.stringify(first)} is an invalid OS component of ${quoted}: OSAndVersion specifier component must match ${JSON.stringify(SYSTEM.source)}`,
    )
  const wrong = others.find(part => !COMPONENT.test(part))
  if (wrong !== undefined)
    throw fault(
      `${JSON.stringify(wrong)} is an invalid component of ${quoted}: platform specifier component must match ${JSON.stringify(COMPONENT.source)}`,
    )
  const [, os = '', version] = system
  if (others.length === 0 && !WORDS.has(os.toLowerCase()))
    throw fault(`${quoted}: unknown operating system or architecture`)
  const platform = parsePlatform([os, ...others].join('/'))
  return version ? { ...platform, 'os.version': version } : platform
}

/** `--platform`, else DOCKER_DEFAULT_PLATFORM, for what is pulled, built and created. */
export const wantedPlatform = (flags: Flags): string | undefined =>
  (flags.changed('platform') ? flags.string('platform') : process.env.DOCKER_DEFAULT_PLATFORM) || undefined

/** `--platform` in the form that images are chosen by: JSON. Undefined when it was not given. */
export const platformQuery = (flags: Flags, prefix?: string): string | undefined => {
  const text = flags.string('platform')
  return text === '' ? undefined : JSON.stringify(checkPlatform(text, prefix))
}
