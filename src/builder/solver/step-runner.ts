import { randomBytes } from 'node:crypto'
import { posix } from 'node:path'
import { forbidden, invalidArgument, messageOf } from '../../errdefs.ts'
import type { BuildClient } from '../build-client.ts'
import type { BuildContexts } from '../context/build-contexts.ts'
import { SyntaxProblem } from '../dockerfile/dockerfile-error.ts'
import { expandWord } from '../dockerfile/expand.ts'
import { heredocContent } from '../dockerfile/heredoc.ts'
import type { CopyInstruction, Instruction, RunInstruction } from '../dockerfile/instruction.ts'
import { resolveMount } from '../dockerfile/run-mount.ts'
import { type Entitlement, forbiddenBy } from '../entitlements.ts'
import { cacheMountKeys, type Lender } from '../mounts/open-mounts.ts'
import { type MountFiles, mountKey, mountTarget, type StepMount } from '../mounts/step-mount.ts'
import type { StepLimits } from '../step-limits.ts'
import type { BaseImages } from './base-images.ts'
import { nextKey, runKey, workdirKey } from './cache-key.ts'
import { commandLine, configure } from './configure.ts'
import { type CopyOrigin, planCopy } from './copy-step.ts'
import { ensureDirectory } from './destination.ts'
import type { EngineParts, NetworkMode, StepTold } from './engine-parts.ts'
import { executeRun } from './execute-run.ts'
import type { Origin } from './named-context.ts'
import type { PlannedStep } from './plan.ts'
import { advance, filesKey, imageState, type StageLayer, type StageState, shellOf } from './stage-state.ts'
import { type Args, type BuildInput, effectiveArgs, lookupIn, proxyArgs } from './step-environment.ts'
import { StepSnapshot } from './step-snapshot.ts'

export type StepOptions = {
  readonly input: BuildInput
  readonly globals: Args
  readonly contexts: BuildContexts
  readonly noCache: boolean
  readonly network: NetworkMode
  readonly bases: BaseImages
  /** Who is offered a shell when a step fails. */
  readonly debugger?: Pick<BuildClient, 'shell'> | undefined
  readonly limits: StepLimits
  readonly granted: ReadonlySet<Entitlement>
  /** What steps may be lent. */
  readonly lender: Lender
  /** Where another stage ended. */
  readonly stageEnd: (index: number) => Promise<StageState>
}

export type StepResult = { readonly state: StageState; readonly cached: boolean }

/** Takes a stage through one instruction: finds what it left before, or executes it and records what it left. */
export class StepRunner {
  readonly #parts: EngineParts
  readonly #options: StepOptions

  constructor(parts: EngineParts, options: StepOptions) {
    this.#parts = parts
    this.#options = options
  }

  async run(
    { instruction, from, mountsFrom }: Omit<PlannedStep, 'vertex'>,
    state: StageState,
    told: StepTold,
    signal: AbortSignal,
  ): Promise<StepResult> {
    signal.throwIfAborted()
    try {
      switch (instruction.keyword) {
        case 'RUN':
          return await this.#run(instruction, mountsFrom, state, told, signal)
        case 'COPY':
        case 'ADD':
          return await this.#copy(instruction, from, state, told, signal)
        case 'WORKDIR':
          return await this.#workdir(instruction.path, state)
        default: {
          const { comment, ...change } = configure(instruction, state, this.#options.globals, this.#options.input)
          return await this.#describe(state, change, nop(state, change.config, ` ${comment}`))
        }
      }
    } catch (error) {
      if (error instanceof SyntaxProblem) throw invalidArgument(error.message, { cause: error })
      await this.#offerShell(instruction, state, error, signal)
      throw error
    }
  }

  async #offerShell(instruction: Instruction, state: StageState, error: unknown, signal: AbortSignal): Promise<void> {
    const { debugger: client } = this.#options
    if (client === undefined || signal.aborted) return
    const { offerShell } = await import('./debug-shell.ts')
    const env = state.config.Env ?? []
    const failed = { step: instruction.original, error, env: [...env, ...effectiveArgs(state.args, env)] }
    await offerShell(this.#parts, client, state, failed, signal)
  }

  /** A step without files: recorded only for its time, so that the same build gives the same image. */
  async #describe(state: StageState, change: Parameters<typeof advance>[1], createdBy: string): Promise<StepResult> {
    const key = nextKey(state.key, createdBy, undefined)
    const found = this.#options.noCache ? undefined : await this.#parts.cache.find(key)
    const created = found?.created ?? new Date().toISOString()
    if (found === undefined) await this.#parts.cache.record(key, createdBy, { created, layer: undefined })
    return { state: advance(state, change, { created, createdBy, layer: undefined, key }), cached: found !== undefined }
  }

  async #layer(
    state: StageState,
    change: Parameters<typeof advance>[1],
    key: string,
    createdBy: string,
    execute: () => Promise<StageLayer | undefined>,
  ): Promise<StepResult> {
    const { cache } = this.#parts
    const found = this.#options.noCache ? undefined : await cache.find(key)
    const result = found ?? { layer: await execute(), created: new Date().toISOString() }
    if (found === undefined) await cache.record(key, createdBy, result)
    const step = { ...result, createdBy, key: nextKey(state.key, createdBy, result.layer?.diffId) }
    return { state: advance(state, change, step), cached: found !== undefined }
  }

  async #run(
    instruction: RunInstruction,
    mountsFrom: readonly (Origin | undefined)[],
    state: StageState,
    told: StepTold,
    signal: AbortSignal,
  ): Promise<StepResult> {
    const { input, network: common } = this.#options
    const { config } = state
    const env = config.Env ?? []
    const { args, script } = runCommand(instruction, state)
    const buildArgs = effectiveArgs(state.args, env)
    const network = instruction.network ?? common
    const facts = { cwd: config.WorkingDir || '/', user: config.User ?? '', network, script }
    const problem = forbiddenBy(instruction, this.#options.granted)
    if (problem !== undefined) throw forbidden(problem)
    const { extraHosts, shmSize, ulimits, cgroupParent, resources } = this.#options.limits
    const { security } = instruction
    const mounts = await this.#mounts(instruction, mountsFrom, state, told, signal)
    for (const key of cacheMountKeys(mounts)) this.#parts.cacheMounts.expect(key)
    const seen = await Promise.all(mounts.map(mount => mountKey(mount, signal)))
    const given = [...seen, ...extraHosts, ...(security === 'insecure' ? [security] : [])]
    const key = runKey({ ...facts, files: filesKey(state), args, env: [...buildArgs, '', ...env], given })
    const prefix = buildArgs.length === 0 ? '' : `|${buildArgs.length} ${buildArgs.join(' ')} `
    const createdBy = `${prefix}${args.join(' ')}`
    return await this.#layer(state, {}, key, createdBy, () => {
      const { layers, platform } = state
      const id = randomBytes(16).toString('hex')
      const whole = [...env, ...buildArgs, ...proxyArgs(input.buildArgs, state.args, env)]
      const { lender } = this.#options
      const limits = { extraHosts, shmSize, ulimits, cgroupParent, resources }
      const request = {
        ...facts,
        limits,
        security,
        id,
        platform,
        args,
        env: whole,
        mounts,
        lender,
        createdBy: args.join(' '),
      }
      return executeRun(this.#parts, layers, request, told.onOutput, signal)
    })
  }

  #mounts(
    { mounts }: RunInstruction,
    origins: readonly (Origin | undefined)[],
    state: StageState,
    told: StepTold,
    signal: AbortSignal,
  ): Promise<StepMount[]> {
    const lookup = lookupIn(state.config.Env ?? [], state.args)
    return Promise.all(
      mounts.map(async (spec, at): Promise<StepMount> => {
        const mount = resolveMount(spec, value => expandWord(value, lookup, this.#options.input.escape))
        const target = mountTarget(mount, state.config.WorkingDir || '/')
        if (mount.type !== 'bind' && mount.type !== 'cache') return { mount, target, files: undefined }
        return { mount, target, files: await this.#mountFiles(mount.type, origins[at], state, told, signal) }
      }),
    )
  }

  async #mountFiles(
    type: 'bind' | 'cache',
    origin: Origin | undefined,
    state: StageState,
    told: StepTold,
    signal: AbortSignal,
  ): Promise<MountFiles | undefined> {
    const { contexts } = this.#options
    if (origin === undefined) return type === 'cache' ? undefined : { tree: await contexts.get('') }
    if (origin === 'scratch' || ('image' in origin && origin.image === 'scratch')) return { layers: [], key: 'scratch' }
    const files = await this.#origin(origin, state, told, signal)
    if ('context' in files) return { tree: await contexts.get(files.context) }
    return { layers: files.layers, key: filesKey(files) }
  }

  #workdir(path: string, state: StageState): Promise<StepResult> {
    const lookup = lookupIn(state.config.Env ?? [], state.args)
    const wanted = expandWord(path, lookup, this.#options.input.escape)
    if (wanted === '') throw new SyntaxProblem('cannot normalize nothing')
    const WorkingDir = posix.resolve(state.config.WorkingDir || '/', wanted)
    const config = { ...state.config, WorkingDir }
    return this.#layer(
      state,
      { config },
      workdirKey(filesKey(state), WorkingDir),
      nop(state, config, `WORKDIR ${WorkingDir}`),
      async () => {
        await using snapshot = await StepSnapshot.mount(this.#parts, state.layers)
        ensureDirectory(snapshot.root, WorkingDir, { uid: 0, gid: 0 })
        return await snapshot.commit()
      },
    )
  }

  async #copy(
    instruction: CopyInstruction,
    from: Origin | undefined,
    state: StageState,
    told: StepTold,
    signal: AbortSignal,
  ): Promise<StepResult> {
    const { input, contexts } = this.#options
    const lookup = lookupIn(state.config.Env ?? [], state.args)
    const expand = (text: string): string => expandWord(text, lookup, input.escape)
    const origin = from === undefined ? { context: '' } : await this.#origin(from, state, told, signal)
    const parts = { parts: this.#parts, contexts, expand, lookup }
    const { key, comment, execute } = await planCopy(parts, instruction, origin, state, signal)
    return await this.#layer(state, {}, key, nop(state, state.config, comment), execute)
  }

  async #origin(from: Origin, { platform }: StageState, told: StepTold, signal: AbortSignal): Promise<CopyOrigin> {
    if (from === 'scratch') throw new SyntaxProblem('COPY --from=scratch has no files')
    if ('context' in from) return from
    if ('stage' in from) return await this.#options.stageEnd(from.stage)
    try {
      // What is copied is to fit what it is copied to; an image that is here for another platform alone will do.
      const wanted = { name: from.image, platform: undefined, near: platform }
      return imageState(await this.#options.bases.get(wanted, told, signal))
    } catch (error) {
      signal.throwIfAborted()
      throw invalidArgument(`invalid from flag value ${from.image}: ${messageOf(error)}`, { cause: error })
    }
  }
}

/** History's words for a step that runs nothing. SHELL counts from its own line on. */
const nop = (state: StageState, config: StageState['config'], text: string): string =>
  [...shellOf(config ?? state.config), `#(nop) ${text}`].join(' ')

const runCommand = (
  instruction: RunInstruction,
  { config }: StageState,
): { args: readonly string[]; script: string | undefined } => {
  const { command, heredocs } = instruction
  const [first, second] = heredocs
  if (command.form === 'exec' || first === undefined) return { args: commandLine(command, config), script: undefined }
  const alone = second === undefined && /^<<-?(["']?)[^\s<"']+\1$/.test(command.text)
  if (alone) {
    const content = heredocContent(first)
    if (content.startsWith('#!')) return { args: [command.text], script: content }
    return { args: [...shellOf(config), content], script: undefined }
  }
  const documents = heredocs.map(({ raw, name }) => `\n${raw}${name}`).join('')
  return { args: [...shellOf(config), `${command.text}${documents}\n`], script: undefined }
}
