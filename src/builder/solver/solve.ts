import type { BuildEvent } from '../../api/build.ts'
import type { JsonMessage } from '../../api/image.ts'
import { invalidArgument, messageOf } from '../../errdefs.ts'
import { type Platform, parsePlatform } from '../../oci/platform.ts'
import { SyntaxProblem } from '../dockerfile/dockerfile-error.ts'
import type { CopyInstruction } from '../dockerfile/instruction.ts'
import { parseTrigger } from '../dockerfile/parse-dockerfile.ts'
import type { EngineParts, StepTold } from './engine-parts.ts'
import type { Origin } from './named-context.ts'
import { OutputDecoder } from './output-decoder.ts'
import { copyOrigin, namedFroms, type Plan, type PlannedStage } from './plan.ts'
import { imageState, inheritedState, type StageState, scratchState } from './stage-state.ts'
import { type StepOptions, StepRunner } from './step-runner.ts'
import { refuseTrigger } from './unsupported.ts'

export type SolveOptions = Omit<StepOptions, 'globals' | 'stageEnd'> & {
  readonly platform: Platform | undefined
  /** Stages, by name or number, whose steps are not looked for in the cache. */
  readonly noCacheFilter: readonly string[]
}

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
  const stepOptions = { ...options, globals: plan.globals, stageEnd }
  const cached = new StepRunner(parts, stepOptions)
  const anew = new StepRunner(parts, { ...stepOptions, noCache: true })
  const runnerOf = ({ stage: { name, index } }: PlannedStage): StepRunner =>
    options.noCacheFilter.some(wanted => wanted.toLowerCase() === name || wanted === String(index)) ? anew : cached
  for (const [vertex] of plan.dockerfile.globalArgs.entries()) {
    onEvent({ type: 'started', vertex })
    onEvent({ type: 'completed', vertex, cached: true, milliseconds: 0 })
  }
  for (const stage of plan.stages) {
    // Stages before it are in the map already; later ones cannot be named.
    const end = runStage({ parts, plan, options, onEvent, runner: runnerOf(stage), stageEnd }, stage, stop)
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
  // A step begins when it can: the time that it takes is its own.
  const ready = async (origin: Origin | undefined): Promise<void> => {
    if (origin !== undefined && origin !== 'scratch' && 'stage' in origin) await solving.stageEnd(origin.stage)
  }
  await ready(planned.base)
  let state = await asVertex(solving, planned, planned.vertex, signal, async told => {
    let cached = true
    const onPull = (message: JsonMessage): void => {
      cached = false
      told.onPull(message)
    }
    return { state: await baseState(solving, planned, { ...told, onPull }, signal), cached }
  })
  for (const { vertex, instruction, from, mountsFrom } of planned.steps) {
    const before = state
    for (const origin of [from, ...mountsFrom]) await ready(origin)
    state = await asVertex(solving, planned, vertex, signal, told =>
      runner.run({ instruction, from, mountsFrom }, before, told, signal),
    )
  }
  return state
}

type Done = { readonly state: StageState; readonly cached: boolean }

/** Tells of a step's begin, output and end. */
const asVertex = async (
  solving: Solving,
  planned: PlannedStage,
  vertex: number,
  signal: AbortSignal,
  work: (told: StepTold) => Promise<Done>,
): Promise<StageState> => {
  signal.throwIfAborted()
  const { onEvent } = solving
  const begun = performance.now()
  onEvent({ type: 'started', vertex })
  const decoder = new OutputDecoder((stream, data) => onEvent({ type: 'log', vertex, stream, data }))
  const line = planned.stage.from.range.start
  const told: StepTold = {
    onOutput: (stream, chunk) => decoder.write(stream, chunk),
    onPull: message => onEvent({ type: 'pull', vertex, message }),
    onWarning: message => onEvent({ type: 'warning', message, line }),
  }
  try {
    const { state, cached } = await work(told)
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
  solving: Solving,
  planned: PlannedStage,
  told: StepTold,
  signal: AbortSignal,
): Promise<StageState> => {
  const { options, stageEnd } = solving
  const { base } = planned
  const platform = planned.platform === undefined ? options.platform : parsePlatform(planned.platform)
  if (base === 'scratch') return scratchState(platform)
  if ('stage' in base) {
    const end = await stageEnd(base.stage)
    return runTriggers(solving, planned, inheritedState(end), end.config.OnBuild ?? [], told, signal)
  }
  if ('context' in base) {
    const step = { instruction: wholeContext(planned), from: base, mountsFrom: [] }
    const result = await solving.runner.run(step, scratchState(platform), told, signal)
    return result.state
  }
  const image = await options.bases.get({ name: base.image, platform }, told, signal)
  return runTriggers(solving, planned, imageState(image), image.config.config?.OnBuild ?? [], told, signal)
}

/** A stage that begins with a context has its files. */
const wholeContext = ({ stage }: PlannedStage): CopyInstruction => ({
  ...{ keyword: 'COPY', original: stage.from.original, range: stage.from.range },
  ...{ sources: ['/'], destination: '/', heredocs: [], from: undefined },
  ...{ chown: undefined, chmod: undefined, link: false, parents: false, exclude: [] },
  ...{ checksum: undefined, keepGitDir: undefined, unpack: undefined },
})

/** What ONBUILD of the base asks for, before the stage's own first step. */
const runTriggers = async (
  { plan, runner }: Solving,
  planned: PlannedStage,
  begun: StageState,
  triggers: readonly string[],
  told: StepTold,
  signal: AbortSignal,
): Promise<StageState> => {
  if (triggers.length === 0) return begun
  told.onOutput(
    'stdout',
    Buffer.from(`# Executing ${triggers.length} build trigger${triggers.length === 1 ? '' : 's'}\n`),
  )
  let state = begun
  for (const trigger of triggers) {
    const instruction = parseTrigger(trigger, planned.stage.from.range)
    refuseTrigger(instruction)
    const origins = namedFroms(instruction).map(from =>
      from === undefined ? undefined : triggerOrigin(from, plan, planned.index),
    )
    const [from, mountsFrom] = instruction.keyword === 'RUN' ? [undefined, origins] : [origins[0], []]
    const result = await runner.run({ instruction, from, mountsFrom }, state, told, signal)
    state = result.state
  }
  return state
}

const triggerOrigin = (from: string, plan: Plan, current: number): ReturnType<typeof copyOrigin> => {
  try {
    const origin = copyOrigin(from, plan.dockerfile.stages, current, plan.contexts)
    if (typeof origin === 'object' && 'stage' in origin && !plan.stages.some(({ index }) => index === origin.stage)) {
      throw new SyntaxProblem(`invalid from flag value ${from}: the stage is not part of this build`)
    }
    return origin
  } catch (error) {
    if (error instanceof SyntaxProblem) throw invalidArgument(error.message, { cause: error })
    throw error
  }
}
