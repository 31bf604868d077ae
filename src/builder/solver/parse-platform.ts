import { invalidArgument } from '../../errdefs.ts'
import { hostPlatform, type Platform } from '../../oci/platform.ts'

const ALIASES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  i386: '386',
  armhf: 'arm',
}
const PART = /^[a-z0-9_.-]+$/

/** `linux/arm64[/v8]`, or one part of it. https://github.com/containerd/platforms */
export const parsePlatform = (text: string): Platform => {
  const parts = text.toLowerCase().split('/')
  const [first = '', second, variant] = parts
  if (parts.length > 3 || parts.some(part => !PART.test(part))) {
    throw invalidArgument(
      `failed to parse platform ${text}: ${JSON.stringify(text)}: cannot parse platform specifier: invalid argument`,
    )
  }
  const architecture = (name: string): string => ALIASES[name] ?? name
  if (second !== undefined) return { os: first, architecture: architecture(second), variant }
  const host = hostPlatform()
  return first === 'linux' ? { ...host, os: first } : { os: host.os, architecture: architecture(first) }
}
