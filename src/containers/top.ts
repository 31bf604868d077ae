import type { ContainerTop } from '../api/container.ts'
import { internal, messageOf } from '../errdefs.ts'
import { exec } from '../host/exec.ts'
import { callRuntime } from '../runtime/oci-runtime.ts'
import type { Container } from './container.ts'
import type { Context } from './context.ts'
import { requireAllowed } from './state.ts'

/** The container's processes as the host's ps(1) shows them. `psArgs` are ps's own options. */
export const topContainer = async (context: Context, container: Container, psArgs: string): Promise<ContainerTop> => {
  requireAllowed('top', container)
  const runtime = context.settings.runtime(
    container.record.hostConfig.Runtime || context.settings.config.defaultRuntime,
  )
  const pids = new Set(
    (JSON.parse(await callRuntime(runtime, ['ps', '--format', 'json', container.id])) as number[]).map(String),
  )
  const args = (psArgs || '-ef').split(/\s+/).filter(Boolean)
  let stdout: string
  try {
    stdout = (await exec(['ps', ...args])).stdout
  } catch (cause) {
    throw internal(`ps: ${messageOf(cause)}`, { cause })
  }
  const [header = '', ...lines] = stdout.trimEnd().split('\n')
  const titles = header.trim().split(/\s+/)
  const column = titles.indexOf('PID')
  if (column < 0) throw internal("Couldn't find PID field in ps output")
  const processes = lines
    .map(line => {
      const fields = line.trim().split(/\s+/)
      return [...fields.slice(0, titles.length - 1), fields.slice(titles.length - 1).join(' ')]
    })
    .filter(fields => pids.has(fields[column] ?? ''))
  return { Titles: titles, Processes: processes }
}
