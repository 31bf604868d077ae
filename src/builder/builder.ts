import { mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { join, posix } from 'node:path'
import type { BuildEvent } from '../api/build.ts'
import type { BuildResult } from '../api/build-options.ts'
import type { Database } from '../database.ts'
import { internal } from '../errdefs.ts'
import type { Events } from '../events.ts'
import { formatPlatform, type Platform, parsePlatform } from '../oci/platform.ts'
import { fromText } from '../storage/archive/byte-string.ts'
import type { Snapshotter } from '../storage/snapshots/snapshotter.ts'
import type { BuildRequest } from './build-client.ts'
import type { UsedStep } from './cache/cache-document.ts'
import { type CacheOrigin, cacheOrigins, cacheTargets } from './cache/cache-options.ts'
import type { ImportedCache } from './cache/import-cache.ts'
import { LinkedCache } from './cache/linked-cache.ts'
import { LinkedMounts } from './cache/linked-mounts.ts'
import { BuildContexts } from './context/build-contexts.ts'
import { ContextStore } from './context/context-store.ts'
import { applyIgnoreRules } from './context/ignore-rules.ts'
import { RemoteIndex } from './context/remote-index.ts'
import { CHECKOUT_PREFIX } from './context/remote-sources.ts'
import type { Dockerfile } from './dockerfile/dockerfile.ts'
import { parseDockerfile } from './dockerfile/parse-dockerfile.ts'
import { platformArgs } from './dockerfile/platform-args.ts'
import { checkEntitlements, grantedEntitlements } from './entitlements.ts'
import { CacheMounts } from './mounts/cache-mounts.ts'
import { deliver } from './output/deliver.ts'
import { planExports } from './output/export-plan.ts'
import { wantsProvenance } from './output/provenance.ts'
import { sourceDate } from './output/source-date.ts'
import { PlatformEvents } from './platform-events.ts'
import { BaseImages } from './solver/base-images.ts'
import { BuildCache } from './solver/build-cache.ts'
import {
  type BuildCacheItem,
  describeCache,
  describeCacheMount,
  describePack,
  type PruneOptions,
  pruneCache,
} from './solver/cache-usage.ts'
import type { EngineParts, ImageStore, RunStep } from './solver/engine-parts.ts'
import type { LayerKeeper } from './solver/layer-keeper.ts'
import { planBuild } from './solver/plan.ts'
import { solve } from './solver/solve.ts'
import type { StageState } from './solver/stage-state.ts'
import { type BuildInput, unusedBuildArgs } from './solver/step-environment.ts'
import { SNAPSHOT_PREFIX } from './solver/step-snapshot.ts'
import { wantedPaths } from './solver/wanted-paths.ts'
import { checkLimits } from './step-limits.ts'
import { refuseUnsupported } from './unsupported.ts'

/**
 * Builds images. A build is: receive the context → parse the Dockerfile → plan the stages → solve the plan → record the
 * image. Nothing of a failed or abandoned build stays but the steps that succeeded, in the cache.
 */
export class Builder {
  readonly #parts: Omit<EngineParts, 'cache' | 'cacheMounts'>
  readonly #cacheMounts: CacheMounts
  readonly #cache: BuildCache
  readonly #events: Events
  readonly #root: string
  readonly #allowed: () => readonly string[]
  readonly #store: ContextStore
  readonly #index: RemoteIndex

  /** `root`: a directory of the builder's own; it is made. */
  constructor(parts: {
    readonly database: Database
    readonly events: Events
    readonly images: ImageStore & LayerKeeper
    readonly snapshotter: Snapshotter
    readonly runStep: RunStep
    /** Entitlements that builds may be granted. */
    readonly allowed: () => readonly string[]
    readonly root: string
  }) {
    const { database, events, images, snapshotter, runStep, allowed, root } = parts
    const mounts = join(root, 'mounts')
    mkdirSync(mounts, { recursive: true, mode: 0o700 })
    this.#root = root
    this.#allowed = allowed
    this.#store = new ContextStore(join(root, 'contexts'), database)
    this.#index = new RemoteIndex(database)
    this.#events = events
    this.#cache = new BuildCache(database, images)
    this.#cacheMounts = new CacheMounts(join(root, 'cache-mounts'), database)
    this.#parts = { images, snapshotter, runStep, mounts }
  }

  /** Removes what builds of a daemon that died have left. Before the first build. */
  async recover(): Promise<void> {
    const { snapshotter, mounts } = this.#parts
    for (const name of readdirSync(mounts)) {
      const target = join(mounts, name)
      await snapshotter.unmount(target)
      rmdirSync(target)
    }
    for (const name of readdirSync(this.#root))
      if (name.startsWith(CHECKOUT_PREFIX)) rmSync(join(this.#root, name), { recursive: true, force: true })
    this.#store.recover()
    await this.#cacheMounts.recover()
    for (const key of snapshotter.keys()) if (key.startsWith(SNAPSHOT_PREFIX)) await snapshotter.remove(key)
  }

  /** What the cache holds, what clients have sent, and what RUNs keep: rows of `GET /system/df`. */
  async usage(): Promise<BuildCacheItem[]> {
    const { images } = this.#parts
    const mounts = await this.#cacheMounts.list()
    return [
      ...describeCache(this.#cache.list(), images),
      ...this.#store.list().map(describePack),
      ...mounts.map(describeCacheMount),
    ]
  }

  /**
   * Removes results of steps, without `all` those only whose files no image has, and what clients have sent. InvalidArgument for a
   * bad filter.
   */
  async prune(options: PruneOptions): Promise<{ CachesDeleted: string[] | null; SpaceReclaimed: number }> {
    const pruned = await pruneCache(
      { images: this.#parts.images, cache: this.#cache, cacheMounts: this.#cacheMounts },
      this.#store,
      options,
    )
    this.#events.publish('builder', 'prune', '', { reclaimed: String(pruned.SpaceReclaimed) })
    return pruned
  }

  /** Throws DockerfileError, InvalidArgument, or what a step failed with. Aborting `signal` stops every step. */
  async build(request: BuildRequest, onEvent: (event: BuildEvent) => void, signal: AbortSignal): Promise<BuildResult> {
    const exports = planExports(request)
    sourceDate(request.buildArgs)
    const [origins, targets] = [cacheOrigins(request), cacheTargets(request)]
    const attestedFrom = wantsProvenance(request) ? Date.now() : undefined
    const platforms = platformsOf(request)
    refuseUnsupported(request)
    checkLimits(request)
    const granted = grantedEntitlements(request, this.#allowed())
    await using contexts = new BuildContexts(request, this.#root, { store: this.#store, index: this.#index }, signal)
    const { path, text } = await locateDockerfile(contexts, request.dockerfile)
    if (request.check) {
      const { checkBuild } = await import('./check-build.ts')
      return await checkBuild(this.#parts.images, request, await contexts.get(''), { path, text }, signal)
    }
    const { BUILDKIT_SYNTAX: syntax } = request.buildArgs
    const dockerfile = parseDockerfile(text, path, syntax === undefined ? {} : { syntax })
    const { escape } = dockerfile.directives
    const stage = request.target || dockerfile.stages.at(-1)?.name
    const plans = platforms.map(platform => {
      const input: BuildInput = { buildArgs: request.buildArgs, predefined: platformArgs(platform, stage), escape }
      return {
        platform,
        input,
        plan: planBuild(dockerfile, input, request.target, request.labels, request.namedContexts),
      }
    })
    for (const { plan } of plans) checkEntitlements(dockerfile, plan, granted)
    for (const { message, range } of dockerfile.warnings) onEvent({ type: 'warning', message, line: range.start })
    const told = new PlatformEvents(onEvent)
    const solvings = plans.map(each => ({ ...each, tell: told.announce(each.plan, each.platform, plans.length > 1) }))
    contexts.expect(wantedPaths((plans[0] as (typeof plans)[0]).plan))
    const { noCache, noCacheFilter, network } = request
    const bases = new BaseImages(this.#parts.images, request)
    const { client, secrets, sshAgents } = request
    const common = {
      ...{ contexts, noCache, noCacheFilter, network, bases },
      lender: { client, secrets, sshAgents },
      limits: request,
      granted,
      debugger: request.shellOnError ? request.client : undefined,
    }
    const imported =
      origins.length === 0 || noCache ? undefined : this.#importCache(origins, request, contexts, onEvent, signal)
    const cacheMounts = new LinkedMounts(this.#cacheMounts, this.#parts.images, imported)
    const ends: StageState[] = []
    const used: UsedStep[][] = []
    // One after the other: what does not depend on the platform is done once, the others find it in the cache.
    try {
      for (const { plan, platform, input, tell } of solvings) {
        const cache = new LinkedCache(this.#cache, imported)
        ends.push(
          await solve({ ...this.#parts, cache, cacheMounts }, plan, { ...common, input, platform }, tell, signal),
        )
        used.push(cache.used())
      }
    } finally {
      // Nobody may have waited for it, and it holds what the contexts have opened.
      await imported?.catch(() => undefined)
    }
    const unused = unusedBuildArgs(request.buildArgs, declaredArgs(dockerfile))
    if (unused.length > 0)
      onEvent({ type: 'warning', message: `One or more build-args [${unused.join(' ')}] were not consumed` })
    const inline = targets.some(({ type }) => type === 'inline') ? used : undefined
    const result = await deliver({ parts: this.#parts, request, ends, inline, attestedFrom, onEvent, signal }, exports)
    if (targets.length > 0) {
      const { exportCache } = await import('./cache/export-cache.ts')
      const { images } = this.#parts
      const work = {
        images,
        request,
        ends,
        used: used.flat(),
        mounts: cacheMounts,
        onWarning: warnWith(onEvent),
        signal,
      }
      await exportCache(work, targets)
    }
    return result
  }

  /** Opened beside the first steps; who looks for a step waits for it. */
  #importCache(
    origins: readonly CacheOrigin[],
    { credentials }: BuildRequest,
    contexts: BuildContexts,
    onEvent: (event: BuildEvent) => void,
    signal: AbortSignal,
  ): Promise<ImportedCache> {
    const { images } = this.#parts
    const opened = import('./cache/import-cache.ts').then(room =>
      room.ImportedCache.open(origins, { images, contexts, credentials, onWarning: warnWith(onEvent), signal }),
    )
    // A build that fails before its first step does not ask.
    opened.catch(() => undefined)
    return opened
  }
}

const warnWith =
  (onEvent: (event: BuildEvent) => void) =>
  (message: string): void =>
    onEvent({ type: 'warning', message })

/** Each once; none asked for: the host's. */
const platformsOf = ({ platforms }: BuildRequest): (Platform | undefined)[] => {
  const wanted = new Map(platforms.map(parsePlatform).map(platform => [formatPlatform(platform), platform]))
  return wanted.size === 0 ? [undefined] : [...wanted.values()]
}

/** The Dockerfile: sent apart, or in the context. Docker answers 500 to what is not there. */
const locateDockerfile = async (
  contexts: BuildContexts,
  { path: wanted, text: sent }: BuildRequest['dockerfile'],
): Promise<{ path: string; text: string }> => {
  const path = posix.normalize((wanted === '' ? 'Dockerfile' : wanted).replace(/^\/+/, ''))
  if (sent !== undefined) return { path, text: sent }
  if (path === '..' || path.startsWith('../')) throw internal(`forbidden path outside the build context: ${path} ()`)
  const context = await contexts.get('')
  if (contexts.remoteDockerfile !== undefined) return { path, text: contexts.remoteDockerfile }
  for (const name of wanted === '' ? [path, 'dockerfile'] : [path]) {
    const text = context.text(fromText(name))
    if (text === undefined) continue
    if (!context.filtered) await applyIgnoreRules(context, fromText(name))
    return { path: name, text }
  }
  throw internal(`Cannot locate specified Dockerfile: ${path}`)
}

const declaredArgs = ({ globalArgs, stages }: Dockerfile): Set<string> =>
  new Set(
    [...globalArgs, ...stages.flatMap(({ instructions }) => instructions)].flatMap(instruction =>
      instruction.keyword === 'ARG' ? instruction.args.map(({ name }) => name) : [],
    ),
  )
