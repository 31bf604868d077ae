import { messageOf } from '../../../errdefs.ts'
import { parsePlatform } from '../../../oci/platform.ts'
import { parseReference } from '../../../oci/reference.ts'
import type { Dockerfile, Stage } from '../dockerfile.ts'
import { SyntaxProblem } from '../dockerfile-error.ts'
import { expandWord } from '../expand.ts'
import type { ArgInstruction } from '../instruction.ts'
import { nearest } from '../suggestion.ts'
import { at } from './at.ts'
import type { LintCollector } from './lint.ts'
import { WatchedScope } from './watched-scope.ts'

/** What the build was given from outside. */
export type Given = {
  readonly buildArgs: Readonly<Record<string, string>>
  /** TARGETPLATFORM and the like. */
  readonly predefined: Readonly<Record<string, string>>
}

/** Where a stage begins. */
export type StageBase = { readonly image: string; readonly platform: string | undefined }

/** The ARGs before the first FROM. @throws SyntaxProblem */
export const globalScope = (args: readonly ArgInstruction[], given: Given, escape: string): WatchedScope => {
  const scope = new WatchedScope(
    Object.entries(given.predefined).map(([name, value]) => [name, given.buildArgs[name] ?? value]),
  )
  for (const instruction of args) {
    for (const { name, value } of instruction.args) {
      const expand = (text: string): string => at(instruction, () => expandWord(text, scope.get, escape))
      scope.declare(name, given.buildArgs[name] ?? (value === undefined ? undefined : expand(value)))
    }
  }
  return scope
}

/** Names that are none when no argument is given. */
export const lintDefaultNames = (
  { globalArgs, stages, directives }: Dockerfile,
  given: Given,
  collector: LintCollector,
): void => {
  try {
    const scope = globalScope(globalArgs, { ...given, buildArgs: {} }, directives.escape)
    for (const { from } of stages) {
      if (!isImageName(expandWord(from.image, scope.get, directives.escape)))
        collector.add(
          'InvalidDefaultArgInFrom',
          { range: from.range },
          `Default value for ARG ${from.image} results in empty or invalid base image name`,
        )
    }
  } catch (error) {
    // It fails again, and is told, where the arguments that were given count.
    if (!(error instanceof SyntaxProblem)) throw error
  }
}

/** @throws SyntaxProblem */
export const lintBase = (
  { from, name }: Stage,
  scope: WatchedScope,
  escape: string,
  collector: LintCollector,
): StageBase => {
  const image = scope.watch(() => at(from, () => expandWord(from.image, scope.get, escape)), reportUndeclared)
  if (image.result === '')
    throw new SyntaxProblem(`base name (${from.image}) should not be blank`, { range: from.range })
  if (from.platform === undefined || from.platform === '') return { image: image.result, platform: undefined }

  const { result, matched, unmatched } = scope.watch(
    () => at(from, () => expandWord(from.platform ?? '', scope.get, escape)),
    reportUndeclared,
  )
  if (
    unmatched.length === 0 &&
    matched.length === 1 &&
    matched[0] === 'TARGETPLATFORM' &&
    result === scope.get('TARGETPLATFORM')
  )
    collector.add(
      'RedundantTargetPlatform',
      from,
      `Setting platform to predefined ${from.platform} in FROM is redundant as this is the default behavior`,
    )
  if (result === '')
    throw new SyntaxProblem(`empty platform value from expression ${from.platform}${didYouMean(unmatched)}`, {
      range: from.range,
    })
  const platform = readPlatform(result)
  if (matched.length + unmatched.length === 0 && !name?.includes(platform.os) && !name?.includes(platform.architecture))
    collector.add(
      'FromPlatformFlagConstDisallowed',
      from,
      `FROM --platform flag should not use constant value ${JSON.stringify(result)}`,
    )
  return { image: image.result, platform: result }

  function reportUndeclared(names: readonly string[]): void {
    for (const missing of names) {
      if (scope.isDeclared(missing)) continue
      collector.add('UndefinedArgInFrom', from, `FROM argument '${missing}' is not declared${didYouMean([missing])}`)
    }
  }

  function didYouMean(names: readonly string[]): string {
    const match = names.map(missing => nearest(missing, scope.names(), true)).find(found => found !== undefined)
    return match === undefined ? '' : ` (did you mean ${match}?)`
  }

  function readPlatform(text: string): ReturnType<typeof parsePlatform> {
    try {
      return parsePlatform(text)
    } catch (error) {
      throw new SyntaxProblem(`failed to parse platform ${from.platform}: ${messageOf(error)}`, { range: from.range })
    }
  }
}

const isImageName = (text: string): boolean => {
  try {
    parseReference(text)
    return true
  } catch {
    return false
  }
}
