import type { BuildOptions, BuildResult } from '../api/build-options.ts'
import { formatPlatform, parsePlatform } from '../oci/platform.ts'
import { fromText } from '../storage/archive/byte-string.ts'
import type { ContextTree } from './context/context-tree.ts'
import { lintDockerfile } from './dockerfile/lint/lint-dockerfile.ts'
import type { BaseImageFacts } from './dockerfile/lint/stage-facts.ts'
import { platformArgs } from './dockerfile/platform-args.ts'
import type { ImageStore } from './solver/engine-parts.ts'

/** `--check`: what the linter says of a build that is asked for. Images that are not here are not pulled for it. */
export const checkBuild = async (
  images: Pick<ImageStore, 'find'>,
  options: Pick<BuildOptions, 'buildArgs' | 'namedContexts' | 'platforms' | 'target'>,
  context: ContextTree,
  dockerfile: { readonly path: string; readonly text: string },
  signal: AbortSignal,
): Promise<BuildResult> => {
  const ignoreFiles = [fromText(`${dockerfile.path}.dockerignore`), fromText('.dockerignore')]
  await context.load(ignoreFiles, signal)
  const { buildArgs } = options
  const [platform] = options.platforms
  const target = platform === undefined ? undefined : parsePlatform(platform)
  const baseImage = (name: string, wanted: string | undefined): BaseImageFacts | undefined => {
    const image = images.find(name, wanted === undefined ? target : parsePlatform(wanted)) ?? images.find(name)
    if (image === undefined) return undefined
    const { Env = [], Shell = [], OnBuild = [] } = image.config.config ?? {}
    return { env: Env ?? [], shell: Shell ?? [], triggers: OnBuild ?? [], platform: formatPlatform(image.platform) }
  }
  const { lints, error, failed } = lintDockerfile(dockerfile.text, {
    file: dockerfile.path,
    buildArgs,
    predefined: platformArgs(target, options.target || undefined),
    contexts: Object.keys(options.namedContexts),
    ignoreFile: ignoreFiles.map(path => context.text(path)).find(text => text !== undefined),
    baseImage,
    check: buildArgs.BUILDKIT_DOCKERFILE_CHECK,
  })
  const rules = [...new Set(lints.map(({ rule }) => rule))]
  const problem = error?.reason ?? (failed ? `lint violation found for rules: ${rules.join(', ')}` : undefined)
  return {
    imageId: '',
    metadata: {},
    warnings: lints.map(({ rule, description, url = '', detail, range }) => ({
      rule,
      description,
      url,
      detail,
      ...range,
    })),
    ...(problem === undefined
      ? {}
      : { problem: { message: problem, start: error?.range?.start ?? 0, end: error?.range?.end ?? 0 } }),
  }
}
