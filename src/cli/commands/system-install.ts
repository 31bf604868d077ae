import { realpathSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Command, NO_ARGUMENTS } from '../command.ts'
import { describe, Failure } from '../failure.ts'
import { systemdUnit } from '../systemd-unit.ts'

export const command: Command = {
  usage: '[OPTIONS]',
  flags: `
      --dry-run            Print the unit instead of installing it
      --no-start           Install the unit without enabling and starting it
      --unit-dir string    Where systemd looks for units (default "/etc/systemd/system")
`,
  args: NO_ARGUMENTS,
  action: async ({ stdout }, flags) => {
    const launcher = findLauncher()
    const unit = systemdUnit(launcher)
    if (flags.bool('dry-run')) {
      stdout.write(unit)
      return 0
    }
    const path = join(flags.string('unit-dir'), 'tare.service')
    try {
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, unit, { mode: 0o644 })
    } catch (error) {
      throw new Failure(1, `cannot write ${path}: ${describe(error)}`, { cause: error })
    }
    stdout.line(`Wrote ${path}`)
    if (flags.bool('no-start')) return 0
    const { exec } = await import('../../host/exec.ts')
    try {
      await exec(['systemctl', 'daemon-reload'])
      await exec(['systemctl', 'enable', '--now', 'tare.service'])
    } catch (error) {
      throw new Failure(
        1,
        `The unit is written, but systemd did not take it: ${describe(error)}\nStart it with: systemctl enable --now tare.service`,
        {
          cause: error,
        },
      )
    }
    stdout.line('Started and enabled tare.service')
    return 0
  },
}

/** The launcher at the root of the installation, two folders above the sources and one above the bundle. */
const findLauncher = (): string => {
  const here = dirname(fileURLToPath(import.meta.url))
  for (const above of ['..', '../..', '../../..']) {
    try {
      return realpathSync(join(here, above, 'tare'))
    } catch {
      // Not on this floor.
    }
  }
  throw new Failure(1, `cannot find the tare launcher above ${here}`)
}
