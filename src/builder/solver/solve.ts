import type { BuildEvent } from '../../api/build.ts'
import { invalidArgument, messageOf } from '../../errdefs.ts'
import { formatPlatform, type Platform, parsePlatform } from '../../oci/platform.ts'
import { SyntaxProblem } from '../dockerfile/dockerfile-error.ts'
import { parseTrigger } from '../dockerfile/parse-dockerfile.ts'
import type { EngineParts } from './engine-parts.ts'
import { findBase } from './find-base.ts'
import { OutputDecoder } from './output-decoder.ts'
import { copyOrigin, type Plan, type PlannedStage } from './plan.ts'
import { imageState, inheritedState, type StageState, scratchState } from './stage-state.ts'
import { type StepOptions, StepRunner } from './step-runner.ts'

export type SolveOptions = Omit<StepOptions, 'globals' | 'stageEnd'> & { readonly platform: Platform | undefined }

/**
 * Executes a plan: every stage begins at once and waits only where it needs what another left. The first failure stops
 * all of them; it is thrown when they have ended.
 */
export const solve = async (
  parts: EngineParts,
  plan: Plan,
  options: SolveOptions,
  onEvent: (event: BuildEvent) => void,
  signal: AbortSignal,
): Promise<StageState> => {
  const failure = new AbortController()
  const stop = AbortSignal.any([signal, failure.signal])
  const ends = new Map<number, Promise<StageState>>()
  const stageEnd = (index: number): Promise<StageState> => {
    const end = ends.get(index)
    if (end === undefined) throw new Error(`stage ${index} is not part of the plan`)
    return end
  }
  const runner = new StepRunner(parts, { ...options, globals: plan.globals, stageEnd })
  for (const [vertex] of plan.dockerfile.globalArgs.entries()) {
    onEvent({ type: 'started', vertex })
    onEvent({ type: 'completed', vertex, cached: true, milliseconds: 0 })
  }
  for (const stage of plan.stages) {
    // Stages before it are in the map already; later ones cannot be named.
    const end = runStage({ parts, plan, options, onEvent, runner, stageEnd }, stage, stop)
    end.catch(error => failure.abort(error))
    ends.set(stage.index, end)
  }
  await Promise.allSettled(ends.values())
  signal.throwIfAborted()
  if (failure.signal.aborted) throw failure.signal.reason
  return await stageEnd(plan.target)
}

type Solving = {
  readonly parts: EngineParts
  readonly plan: Plan
  readonly options: SolveOptions
  readonly onEvent: (event: BuildEvent) => void
  readonly runner: StepRunner
  readonly stageEnd: (index: number) => Promise<StageState>
}

const runStage = async (solving: Solving, planned: PlannedStage, signal: AbortSignal): Promise<StageState> => {
  const { runner } = solving
  let state = await asVertex(solving, planned.vertex, signal, async onOutput => {
    let begun = await baseState(solving, planned)
    const base = planned.base
    if (typeof base === 'object' && 'image' in base)
      begun = await runTriggers(solving, planned, begun, onOutput, signal)
    return { state: begun, cached: true }
  })
  for (const { vertex, instruction, from } of planned.steps) {
    const before = state
    state = await asVertex(solving, vertex, signal, onOutput => runner.run(instruction, from, before, onOutput, signal))
  }
  return state
}

type OnOutput = (stream: 'stdout' | 'stderr', chunk: Buffer) => void
type Done = { readonly state: StageState; readonly cached: boolean }

/** Tells of a step's begin, output and end. */
const asVertex = async (
  solving: Solving,
  vertex: number,
  signal: AbortSignal,
  work: (onOutput: OnOutput) => Promise<Done>,
): Promise<StageState> => {
  signal.throwIfAborted()
  const { onEvent } = solving
  const begun = performance.now()
  onEvent({ type: 'started', vertex })
  const decoder = new OutputDecoder((stream, data) => onEvent({ type: 'log', vertex, stream, data }))
  try {
    const { state, cached } = await work((stream, chunk) => decoder.write(stream, chunk))
    decoder.end()
    onEvent({
      type: 'completed',
      vertex,
      cached,
      milliseconds: performance.now() - begun,
      ...(state.id === undefined ? {} : { state: state.id }),
    })
    return state
  } catch (error) {
    decoder.end()
    // What another stage's failure stopped has no failure of its own to tell.
    if (!signal.aborted)
      onEvent({
        type: 'completed',
        vertex,
        cached: false,
        milliseconds: performance.now() - begun,
        error: messageOf(error),
      })
    throw error
  }
}

const baseState = async (
  { parts, options, stageEnd, onEvent }: Solving,
  { base, platform: written, stage }: PlannedStage,
): Promise<StageState> => {
  const platform = written === undefined ? options.platform : parsePlatform(written)
  if (base === 'scratch') return scratchState(platform)
  if ('stage' in base) return inheritedState(await stageEnd(base.stage))
  const image = findBase(parts.images, base.image)
  if (
    platform !== undefined &&
    (image.config.os !== platform.os || image.config.architecture !== platform.architecture)
  ) {
    const found = formatPlatform({
      os: image.config.os,
      architecture: image.config.architecture,
      variant: image.config.variant,
    })
    onEvent({
      type: 'warning',
      message: `The requested image's platform (${found}) does not match the specified platform (${formatPlatform(platform)})`,
      line: stage.from.range.start,
    })
  }
  return imageState(image)
}

/** What the base image's ONBUILD asks for, before the stage's own first step. */
const runTriggers = async (
  { parts, plan, runner }: Solving,
  planned: PlannedStage,
  begun: StageState,
  onOutput: OnOutput,
  signal: AbortSignal,
): Promise<StageState> => {
  if (typeof planned.base !== 'object' || !('image' in planned.base)) return begun
  const triggers = parts.images.find(planned.base.image)?.config.config?.OnBuild ?? []
  if (triggers.length === 0) return begun
  onOutput('stdout', Buffer.from(`# Executing ${triggers.length} build trigger${triggers.length === 1 ? '' : 's'}\n`))
  let state = begun
  for (const trigger of triggers) {
    const instruction = parseTrigger(trigger, planned.stage.from.range)
    const named = instruction.keyword === 'COPY' ? instruction.from : undefined
    const from = named === undefined ? undefined : triggerOrigin(named, plan, planned.index)
    const result = await runner.run(instruction, from, state, onOutput, signal)
    state = result.state
  }
  return state
}

const triggerOrigin = (from: string, plan: Plan, current: number): ReturnType<typeof copyOrigin> => {
  try {
    const origin = copyOrigin(from, plan.dockerfile.stages, current)
    if (typeof origin === 'object' && 'stage' in origin && !plan.stages.some(({ index }) => index === origin.stage)) {
      throw new SyntaxProblem(`invalid from flag value ${from}: the stage is not part of this build`)
    }
    return origin
  } catch (error) {
    if (error instanceof SyntaxProblem) throw invalidArgument(error.message, { cause: error })
    throw error
  }
}
