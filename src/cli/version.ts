import { readFileSync } from 'node:fs'

/** The newest API version that this client knows. */
export const CLIENT_API_VERSION = '1.52'

/** The package's version. The bundle lies one folder below `package.json`, the sources two. */
export const VERSION: string = (() => {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as {
        name?: string
        version?: string
      }
      if (name === 'tare' && version) return version
    } catch {
      // Not there: the next one.
    }
  }
  return 'unknown'
})()
