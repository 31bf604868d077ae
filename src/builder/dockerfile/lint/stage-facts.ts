import { WatchedScope } from './watched-scope.ts'

/** What is known of a stage between two of its instructions, as far as lints need it. */
export type StageFacts = {
  /** ENV and ARG. */
  readonly scope: WatchedScope
  /** False: it begins with an image that is not here, which may bring variables. */
  readonly complete: boolean
  readonly hasShell: boolean
  /** A WORKDIR stood in this file. */
  readonly hasWorkdir: boolean
  /** ONBUILD, for stages and images that begin with it. */
  readonly triggers: readonly string[]
}

/** What an image brings. */
export type BaseImageFacts = {
  /** `NAME=value` */
  readonly env: readonly string[]
  readonly shell: readonly string[]
  readonly triggers: readonly string[]
  /** `linux/arm64` */
  readonly platform: string
}

const PATH = ['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'] as const

export const scratchFacts = (): StageFacts => imageFacts({ env: [], shell: [], triggers: [], platform: '' })

export const unknownFacts = (): StageFacts => ({ ...scratchFacts(), complete: false })

export const imageFacts = ({ env, shell, triggers }: BaseImageFacts): StageFacts => {
  const variables = env.map((entry): [string, string] => {
    const equals = entry.indexOf('=')
    return equals < 0 ? [entry, ''] : [entry.slice(0, equals), entry.slice(equals + 1)]
  })
  return {
    scope: new WatchedScope([PATH, ...variables]),
    complete: true,
    hasShell: shell.length > 0,
    hasWorkdir: false,
    triggers,
  }
}
