import { messageOf } from '../../../errdefs.ts'
import { parseReference } from '../../../oci/reference.ts'
import type { Dockerfile, Stage } from '../dockerfile.ts'
import { DockerfileError, SyntaxProblem } from '../dockerfile-error.ts'
import { readDockerfile } from '../parse-dockerfile.ts'
import { platformArgs } from '../platform-args.ts'
import type { SourceRange } from '../source-range.ts'
import { ignoredPaths } from './ignored-paths.ts'
import { type Lint, LintCollector } from './lint.ts'
import { lintInstruction, lintKeywordCasing, lintStageNames } from './lint-casing.ts'
import { type Given, globalScope, lintBase, lintDefaultNames, type StageBase } from './lint-from.ts'
import { type CheckOptions, parseCheckOptions } from './lint-options.ts'
import { lintStage, type StageContext } from './lint-stage.ts'
import { platformOf } from './platform-of.ts'
import { type BaseImageFacts, imageFacts, type StageFacts, scratchFacts, unknownFacts } from './stage-facts.ts'
import type { WatchedScope } from './watched-scope.ts'

export type LintOptions = {
  /** The name that is shown. */
  readonly file?: string
  readonly buildArgs?: Readonly<Record<string, string>>
  /** TARGETPLATFORM and the like, as `platformArgs` gives them; without them those of this host. */
  readonly predefined?: Readonly<Record<string, string>>
  /** Named contexts: they stand for stages and images of their name. */
  readonly contexts?: readonly string[]
  /** The `.dockerignore` that holds for this Dockerfile. */
  readonly ignoreFile?: string | undefined
  /** An image that is here. Without it nothing is said of variables that it may bring. */
  readonly baseImage?: (name: string, platform: string | undefined) => BaseImageFacts | undefined
  /** BUILDKIT_DOCKERFILE_CHECK: comes before what the file says. */
  readonly check?: string | undefined
}

export type LintReport = {
  readonly file: string
  readonly source: string
  /** In the order of their lines. */
  readonly lints: readonly Lint[]
  /** Why the file cannot be built; lints are then those found until there. */
  readonly error: DockerfileError | undefined
  /** The file asks for lints to be errors (`# check=error=true`), and there are some. */
  readonly failed: boolean
}

/** Looks through a Dockerfile without building anything: `docker build --check`. Never throws for what the file says. */
export const lintDockerfile = (text: string, options: LintOptions = {}): LintReport => {
  const { file = 'Dockerfile' } = options
  const { source, directives, instructions, emptyContinuations, dockerfile, error } = readDockerfile(text, file)
  const report = (lints: readonly Lint[], checks: boolean, failure: DockerfileError | undefined): LintReport => ({
    file,
    source,
    lints: lints.toSorted((a, b) => a.range.start - b.range.start),
    error: failure,
    failed: checks && lints.length > 0 && failure === undefined,
  })
  // Nothing is known of a file whose lines cannot even be told apart.
  if (directives === undefined) return report([], false, error)
  let checks: CheckOptions
  try {
    checks = parseCheckOptions(options.check ?? directives.check)
  } catch (problem) {
    return report([], false, asError(problem, file, source))
  }
  const collector = new LintCollector(checks)
  for (const line of emptyContinuations)
    collector.add('NoEmptyContinuation', { range: { start: line, end: line } }, 'Empty continuation line')
  for (const instruction of instructions) lintInstruction(instruction, collector)
  if (dockerfile === undefined) return report(collector.lints, checks.error, error)
  try {
    lintStages(dockerfile, options, collector)
    return report(collector.lints, checks.error, undefined)
  } catch (problem) {
    return report(collector.lints, checks.error, asError(problem, file, source))
  }
}

const asError = (problem: unknown, file: string, source: string): DockerfileError => {
  if (problem instanceof DockerfileError) return problem
  if (problem instanceof SyntaxProblem)
    return new DockerfileError(problem.message, file, source, problem.range, { cause: problem })
  throw problem
}

/** @throws SyntaxProblem, DockerfileError */
const lintStages = (dockerfile: Dockerfile, options: LintOptions, collector: LintCollector): void => {
  const { stages, globalArgs, directives } = dockerfile
  const given: Given = { buildArgs: options.buildArgs ?? {}, predefined: options.predefined ?? platformArgs(undefined) }
  lintStageNames(
    stages.map(({ from }) => from),
    collector,
  )
  lintKeywordCasing(
    stages.flatMap(({ from, instructions }) => [from, ...instructions]),
    collector,
  )
  lintDefaultNames(dockerfile, given, collector)
  const globals = globalScope(globalArgs, given, directives.escape)
  const bases = stages.map(stage => lintBase(stage, globals, directives.escape, collector))
  const context: StageContext = {
    collector,
    escape: directives.escape,
    buildArgs: given.buildArgs,
    globals,
    isIgnored: options.ignoreFile === undefined ? undefined : ignoredPaths(options.ignoreFile),
  }
  const ends = new Map<string, StageFacts>()
  for (const [index, stage] of stages.entries()) {
    const begin = beginning(stage, bases[index] as StageBase, ends, options, globals, collector)
    const end = lintStage(stage.instructions, begin, stage.from.range, context)
    if (stage.name !== undefined) ends.set(stage.name, end)
  }
}

const beginning = (
  { from, name }: Stage,
  { image, platform }: StageBase,
  ends: ReadonlyMap<string, StageFacts>,
  { contexts = [], baseImage }: LintOptions,
  globals: WatchedScope,
  collector: LintCollector,
): StageFacts => {
  if (name !== undefined && contexts.includes(name)) return unknownFacts()
  if (image === 'scratch') return scratchFacts()
  const stage = ends.get(image.toLowerCase())
  if (stage !== undefined) return stage
  if (contexts.includes(image)) return unknownFacts()
  checkName(image, from.range)
  const facts = baseImage?.(image, platform)
  if (facts === undefined) return unknownFacts()
  const wanted = platform ?? globals.get('TARGETPLATFORM')
  if (wanted !== undefined && platformOf(wanted) !== platformOf(facts.platform))
    collector.add(
      'InvalidBaseImagePlatform',
      { range: from.range },
      `Base image ${image} was pulled with platform ${JSON.stringify(facts.platform)}, expected ${JSON.stringify(wanted)} for current build`,
    )
  return imageFacts(facts)
}

const checkName = (image: string, range: SourceRange): void => {
  try {
    parseReference(image)
  } catch (error) {
    throw new SyntaxProblem(`failed to parse stage name ${JSON.stringify(image)}: ${messageOf(error)}`, { range })
  }
}
