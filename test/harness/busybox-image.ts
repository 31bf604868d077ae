import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expectStatus, type HttpClient } from './http-client.ts'
import { suiteRoot } from './suite-root.ts'

/** A root file system of busybox alone, as a tar; made once in a run of the tests. `program`: another machine's, called `name`. */
export const busyboxTar = (program = '/bin/busybox', name = 'busybox'): string => {
  const path = join(suiteRoot(), `${name}.tar`)
  if (existsSync(path)) return path
  const folder = join(suiteRoot(), `${name}.${process.pid}`)
  const bin = join(folder, 'bin')
  for (const name of ['bin', 'etc', 'root', 'tmp', 'var', 'home']) mkdirSync(join(folder, name), { recursive: true })
  chmodSync(join(folder, 'tmp'), 0o1777)
  copyFileSync(program, join(bin, 'busybox'))
  for (const name of execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n')) {
    if (name !== 'busybox') symlinkSync('busybox', join(bin, name))
  }
  writeFileSync(
    join(folder, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n',
  )
  writeFileSync(join(folder, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n')
  execFileSync('tar', [
    '--sort=name',
    '--mtime=@0',
    '--owner=0',
    '--group=0',
    '-cf',
    `${path}.${process.pid}`,
    '-C',
    folder,
    '.',
  ])
  renameSync(`${path}.${process.pid}`, path)
  rmSync(folder, { recursive: true })
  return path
}

/** Imports `busybox:latest`, as `docker import` does. Returns the image's id. */
export const importBusybox = async (
  client: HttpClient,
  tag = 'latest',
  { platform, tar = busyboxTar() }: { platform?: string; tar?: string } = {},
): Promise<string> => {
  const answer = await client.request('POST', '/images/create', {
    query: { fromSrc: '-', repo: 'busybox', tag, changes: 'CMD ["sh"]', platform },
    body: readFileSync(tar),
  })
  expectStatus(answer, 200)
  const error = answer.text.match(/"error":"([^"]*)"/)
  if (error) throw new Error(`importing busybox failed: ${error[1]}`)
  return expectStatus(await client.get<{ Id: string }>(`/images/busybox:${tag}/json`), 200).Id
}
