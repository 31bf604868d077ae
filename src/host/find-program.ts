import { accessSync, constants } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'

const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The absolute path of a program, looked for in PATH and in the system's own directories. Undefined when it is not installed. */
export const findProgram = (name: string): string | undefined => {
  const directories = isAbsolute(name)
    ? ['']
    : [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_PATH.split(':')]
  for (const directory of directories) {
    const path = directory === '' ? name : join(directory, name)
    if (!isAbsolute(path)) continue
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not in this one.
    }
  }
  return undefined
}
