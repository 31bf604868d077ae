import { chmodSync, chownSync, copyFileSync, existsSync, linkSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { unavailable } from '../../errdefs.ts'
import { CommandError, exec } from '../../host/exec.ts'
import { lutimes } from '../../host/syscalls.ts'
import { downloadPackage, scratchDirectory } from './debian.ts'

const PLACES = ['usr/bin/busybox', 'bin/busybox']

const DIRECTORIES: readonly (readonly [path: string, mode: number])[] = [
  ['bin', 0o755],
  ['dev', 0o755],
  ['etc', 0o755],
  ['home', 0o755],
  ['proc', 0o555],
  ['root', 0o700],
  ['run', 0o755],
  ['sys', 0o555],
  ['tmp', 0o1777],
  ['usr', 0o755],
  ['usr/bin', 0o755],
  ['usr/sbin', 0o755],
  ['var', 0o755],
  ['var/spool', 0o755],
  ['var/spool/mail', 0o755],
  ['var/www', 0o755],
]

const FILES: Readonly<Record<string, string>> = {
  'etc/passwd': [
    'root:x:0:0:root:/root:/bin/sh',
    'daemon:x:1:1:daemon:/usr/sbin:/bin/false',
    'bin:x:2:2:bin:/bin:/bin/false',
    'sys:x:3:3:sys:/dev:/bin/false',
    'sync:x:4:100:sync:/bin:/bin/sync',
    'mail:x:8:8:mail:/var/spool/mail:/bin/false',
    'www-data:x:33:33:www-data:/var/www:/bin/false',
    'operator:x:37:37:Operator:/var:/bin/false',
    'nobody:x:65534:65534:nobody:/home:/bin/false',
    '',
  ].join('\n'),
  'etc/group': [
    'root:x:0:',
    'daemon:x:1:',
    'bin:x:2:',
    'sys:x:3:',
    'adm:x:4:',
    'tty:x:5:',
    'disk:x:6:',
    'wheel:x:10:root',
    'mail:x:8:',
    'utmp:x:22:',
    'audio:x:29:',
    'www-data:x:33:',
    'operator:x:37:',
    'users:x:100:',
    'nogroup:x:65534:',
    '',
  ].join('\n'),
  'etc/shadow': ['root', 'daemon', 'bin', 'sys', 'sync', 'mail', 'www-data', 'operator', 'nobody']
    .map(user => `${user}:*:10933:0:99999:7:::\n`)
    .join(''),
  'etc/hostname': '',
  'etc/hosts': '',
  'etc/resolv.conf': '',
}

/** Lays out BusyBox in an empty directory, from the package busybox-static. Gives the binary's time, in milliseconds. */
export const installBusybox = async (
  root: string,
  onStatus: (status: string) => void,
  signal: AbortSignal | undefined,
): Promise<{ epoch: number; command: string }> => {
  using scratch = scratchDirectory()
  const binary = await findBinary(scratch.path, onStatus, signal)
  const { stdout } = await exec([binary, '--list'], { signal })
  for (const [path, mode] of DIRECTORIES) {
    mkdirSync(join(root, path), { recursive: true })
    chmodSync(join(root, path), mode)
  }
  chownSync(join(root, 'var/spool/mail'), 8, 8)
  for (const [path, text] of Object.entries(FILES)) {
    writeFileSync(join(root, path), text)
    chmodSync(join(root, path), path === 'etc/shadow' ? 0o640 : 0o644)
  }
  const target = join(root, 'bin/busybox')
  copyFileSync(binary, target)
  chmodSync(target, 0o755)
  for (const name of stdout.split('\n').filter(Boolean))
    if (name !== 'busybox') linkSync(target, join(root, 'bin', name))
  // Scripts begin with it.
  linkSync(target, join(root, 'usr/bin/env'))
  const { mtimeMs } = statSync(binary)
  const seconds = Math.floor(mtimeMs / 1000)
  const time = BigInt(seconds) * 1_000_000_000n
  for (const path of [...Object.keys(FILES), 'bin/busybox', ...DIRECTORIES.map(([directory]) => directory)])
    lutimes(join(root, path), time, time)
  return { epoch: seconds * 1000, command: 'busybox-static' }
}

/** The package's binary: this host's, when it has the package, else out of a fresh download. */
const findBinary = async (
  scratch: string,
  onStatus: (status: string) => void,
  signal: AbortSignal | undefined,
): Promise<string> => {
  const installed = await exec(['dpkg-query', '-W', `-f=\${db:Status-Status}`, 'busybox-static'], { signal }).catch(
    (error: unknown) => {
      if (error instanceof CommandError) return { stdout: '' }
      throw error
    },
  )
  if (installed.stdout === 'installed') {
    const here = PLACES.map(path => join('/', path)).find(existsSync)
    if (here) return here
  }
  onStatus('Fetching the package busybox-static')
  const deb = await downloadPackage('busybox-static', scratch, signal)
  const tree = join(scratch, 'tree')
  await exec(['dpkg-deb', '-x', deb, tree], { signal })
  const found = PLACES.map(path => join(tree, path)).find(existsSync)
  if (!found) throw unavailable('the package busybox-static has no busybox')
  return found
}
