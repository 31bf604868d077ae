// Run before and after the tests: what of a container engine's doings is on this host that was not there before?
//   node test/leftovers.ts record    notes the host's state below $TARE_TEST_ROOT
//   node test/leftovers.ts report    prints what is left, removes $TARE_TEST_ROOT, ends with 1 where something is left
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { difference, type HostState, readHostState, remainsOf } from './harness/remains.ts'

const root = process.env.TARE_TEST_ROOT
if (!root) throw new Error('TARE_TEST_ROOT is not set')
const record = join(root, 'host-state.json')

if (process.argv[2] === 'record') {
  writeFileSync(record, JSON.stringify(readHostState()))
} else {
  const before = JSON.parse(readFileSync(record, 'utf8')) as HostState
  const after = readHostState()
  const left = [...new Set([...remainsOf([root], after), ...difference(before, after)])]
  const kinds = 'mounts, network namespaces, links, nft tables, cgroups, processes'
  if (left.length === 0) {
    rmSync(root, { recursive: true, force: true })
    console.log(`leftovers: none (${kinds})`)
  } else {
    console.log(`leftovers: ${left.length} (${kinds})\n${left.map(line => `  ${line}`).join('\n')}`)
    process.exitCode = 1
  }
}
