import { readFileSync } from 'node:fs'
import { fileFault } from './environment.ts'

export type SecurityOptions = {
  readonly options: readonly string[]
  /** `systempaths=unconfined`: nothing is masked and nothing read-only. */
  readonly unmasked: boolean
}

/** `--security-opt`: seccomp profiles are files of ours, so their text is sent. Throws in Docker's words. */
export const parseSecurityOptions = (given: readonly string[]): SecurityOptions => {
  const options: string[] = []
  let unmasked = false
  for (const option of given) {
    const [key = '', value] = option.includes('=') ? cut(option, '=') : cut(option, ':')
    if (value === undefined && option !== 'no-new-privileges')
      throw new Error(`Invalid --security-opt: ${JSON.stringify(option)}`)
    if (option === 'systempaths=unconfined') unmasked = true
    else if (key === 'seccomp' && value !== 'unconfined' && value !== 'builtin')
      options.push(`seccomp=${readProfile(value as string)}`)
    else options.push(option)
  }
  return { options, unmasked }
}

const cut = (text: string, mark: string): [string, string | undefined] => {
  const at = text.indexOf(mark)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

const readProfile = (path: string): string => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`opening seccomp profile (${path}) failed: ${fileFault('open', path, error)}`, { cause: error })
  }
  try {
    return JSON.stringify(JSON.parse(text))
  } catch (error) {
    throw new Error(`compacting json for seccomp profile (${path}) failed: ${(error as Error).message}`, {
      cause: error,
    })
  }
}
