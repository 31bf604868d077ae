import { mkdirSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { spawnProcess } from '../../host/exec.ts'

/**
 * Unpacks an archive into a directory, with the modes and times that it tells and ourselves as owner, beside what lies there.
 */
export const unpackOutput = async (channel: Duplex, directory: string): Promise<void> => {
  mkdirSync(directory, { recursive: true })
  const tar = spawnProcess(
    // Letters that GNU's, BSD's and busybox's tar have alike: with modes, without owners.
    ['tar', '-x', '-p', '-o', '-f', '-', '-C', directory],
    { stdio: ['pipe', 'ignore', 'pipe'] },
  )
  let complaint = ''
  tar.stderr?.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-4096)
  })
  const exited = new Promise<number>((resolve, reject) => {
    tar.once('error', reject)
    tar.once('close', code => resolve(code ?? 1))
  })
  if (tar.stdin === null) throw new Error('tar has no input')
  const [fed, code] = await Promise.allSettled([
    pipeline(channel.iterator({ destroyOnReturn: false }), tar.stdin),
    exited,
  ])
  if (code.status === 'rejected') throw code.reason
  if (code.value !== 0) throw new Error(`tar: ${complaint.trim() || `ended with ${code.value}`}`)
  if (fed.status === 'rejected') throw fed.reason
}
