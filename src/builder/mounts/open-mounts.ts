import { lstatSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { notFound } from '../../errdefs.ts'
import type { MountSpec } from '../../oci/runtime-spec.ts'
import type { BuildClient } from '../build-client.ts'
import { cacheKey } from '../solver/cache-key.ts'
import { ensureDirectory } from '../solver/destination.ts'
import type { EngineParts } from '../solver/engine-parts.ts'
import { openAgentSocket } from './agent-socket.ts'
import type { HeldCache } from './cache-mounts.ts'
import { copyMountFiles, openMountSource } from './mount-source.ts'
import { pinInside } from './pin-inside.ts'
import { Provisions } from './provisions.ts'
import { contentKey, missingSource, type StepMount } from './step-mount.ts'

/** What a step can be lent by whoever builds. */
export type Lender = {
  readonly client: Pick<BuildClient, 'secret' | 'ssh'>
  /** Ids that the client has. */
  readonly secrets: readonly string[]
  readonly sshAgents: readonly string[]
}

/** The mounts of one step, as long as it runs. */
export type OpenMounts = AsyncDisposable & {
  /** Parents before what lies in them. */
  readonly specs: readonly MountSpec[]
  /** `NAME=value` */
  readonly env: readonly string[]
}

type Parts = Pick<EngineParts, 'snapshotter' | 'images' | 'mounts' | 'cacheMounts'>
type Of<Type> = Extract<StepMount['mount'], { type: Type }>

const LENT = ['nosuid', 'nodev', 'noexec']
const lent = (mount: { mode: number | undefined; uid: number | undefined; gid: number | undefined }, mode: number) => ({
  mode: mount.mode ?? mode,
  uid: mount.uid ?? 0,
  gid: mount.gid ?? 0,
})

/**
 * Makes ready what a step's mounts need: files, caches, secrets, agents. `id`: of the step. NotFound for a secret or agent that is
 * required and that nobody has.
 */
export const openMounts = async (
  parts: Parts,
  mounts: readonly StepMount[],
  lender: Lender,
  { id, createdBy }: { readonly id: string; readonly createdBy: string },
  signal: AbortSignal,
): Promise<OpenMounts> => {
  await using undo = new AsyncDisposableStack()
  const specs: MountSpec[] = []
  const env: string[] = []
  const caches = new Map<string, HeldCache>()
  const throwaway = new Map<string, string>()
  let agents = 0
  let made: Provisions | undefined
  const provisions = (): Provisions => {
    made ??= undo.use(new Provisions(join(parts.mounts, `lent-${id}`)))
    return made
  }

  const bind = (destination: string, source: string, readOnly: boolean, options: readonly string[] = []): void =>
    void specs.push({
      ...{ destination, type: 'bind', source },
      options: ['rbind', 'rprivate', readOnly ? 'ro' : 'rw', ...options],
    })

  const secret = async (mount: Of<'secret'>, target: string | undefined): Promise<void> => {
    const bytes = lender.secrets.includes(mount.id) ? await lender.client.secret(mount.id, signal) : undefined
    if (bytes === undefined) {
      if (mount.required) throw notFound(`secret ${mount.id}: not found`)
      return
    }
    if (mount.env !== undefined) env.push(`${mount.env}=${bytes.toString()}`)
    if (target !== undefined) bind(target, provisions().write(bytes, lent(mount, 0o400)), true, LENT)
    bytes.fill(0)
  }

  const agent = async (mount: Of<'ssh'>, target: string | undefined): Promise<void> => {
    if (!lender.sshAgents.includes(mount.id)) {
      if (mount.required) throw notFound(`no SSH key "${mount.id}" forwarded from the client`)
      return
    }
    const path = provisions().place()
    undo.use(await openAgentSocket(path, lent(mount, 0o600), () => lender.client.ssh(mount.id, signal)))
    const inside = target ?? `/run/buildkit/ssh_agent.${agents}`
    if (agents++ === 0) env.push(`SSH_AUTH_SOCK=${inside}`)
    bind(inside, path, false, LENT)
  }

  const cache = async ({ mount, target, files }: StepMount & { mount: Of<'cache'> }): Promise<void> => {
    const own = lent(mount, 0o755)
    const begins = files && (await contentKey(files, '', signal))
    const key = cacheMountKey(mount, begins)
    // Mounted at two places it is still one, which the step has already.
    const held =
      caches.get(key) ??
      undo.use(
        await parts.cacheMounts.acquire(
          {
            key,
            description: `cached mount ${target} from exec ${createdBy}`,
            sharing: mount.sharing,
            ...own,
            fill: files && (directory => copyMountFiles(parts, files, directory, signal)),
          },
          signal,
        ),
      )
    caches.set(key, held)
    if (mount.source === '') return bind(target as string, held.directory, mount.readOnly)
    const place = join(parts.mounts, `cache-${id}-${specs.length}`)
    const pinned = pinInside(held.directory, mount.source, place)
    if (pinned === undefined) throw missingSource(mount.source)
    undo.use(pinned)
    bind(target as string, place, mount.readOnly)
  }

  for (const step of [...mounts].sort(byLock)) {
    const { mount, target, files } = step
    if (mount.type === 'secret') await secret(mount, target)
    else if (mount.type === 'ssh') await agent(mount, target)
    else if (mount.type === 'cache') await cache({ ...step, mount })
    else if (mount.type === 'tmpfs') {
      const size = mount.size === 0 ? [] : [`size=${mount.size}`]
      const options = ['nosuid', 'nodev', 'mode=1777', mount.readOnly ? 'ro' : 'rw', ...size]
      specs.push({ destination: target as string, type: 'tmpfs', source: 'tmpfs', options })
    } else if (files !== undefined) {
      const source = undo.use(await openMountSource(parts, files, mount.source, signal))
      bind(target as string, source.path, mount.readOnly)
      throwaway.set(target as string, source.path)
    }
  }
  makePlaces(specs, throwaway)
  const depth = ({ destination }: MountSpec): number => destination.split('/').length
  specs.sort((a, b) => depth(a) - depth(b))
  const all = undo.move()
  return { specs, env, [Symbol.asyncDispose]: () => all.disposeAsync() }
}

/** The keys of the caches among a step's mounts. */
export const cacheMountKeys = (mounts: readonly StepMount[]): string[] =>
  mounts.flatMap(({ mount, files }) => (mount.type === 'cache' ? [cacheMountKey(mount, layersOf(files)?.key)] : []))

const layersOf = (files: StepMount['files']) => (files !== undefined && 'layers' in files ? files : undefined)

/** A cache with an owner or a mode of its own, or with other files to begin with, is another one. */
const cacheMountKey = ({ id, mode, uid, gid }: Of<'cache'>, files: string | undefined): string =>
  cacheKey('cache mount', id, files, [mode, uid, gid].map(String))

/** Caches first and always in the same order, so that no two steps wait for each other's. */
const byLock = (a: StepMount, b: StepMount): number => rank(a).localeCompare(rank(b))
const rank = ({ mount }: StepMount): string => (mount.type === 'cache' ? `0${mount.id}` : '1')

/**
 * Makes mount points inside of what is mounted read-only, where the runtime could not: `sources` (by target) are this step's alone. What
 * cannot be made the runtime will complain of.
 */
const makePlaces = (specs: readonly MountSpec[], sources: ReadonlyMap<string, string>): void => {
  for (const { destination, type, source } of specs) {
    // The nearest one is where it will be looked for.
    const [around] = [...sources.keys()]
      .filter(target => destination.startsWith(`${target}/`))
      .sort((a, b) => b.length - a.length)
    const root = around === undefined ? undefined : sources.get(around)
    if (around === undefined || root === undefined || !statSync(root).isDirectory()) continue
    const inside = destination.slice(around.length)
    const isFile = type === 'bind' && source !== undefined && !statSync(source).isDirectory()
    if (!isFile) ensureDirectory(root, inside, ROOT)
    else {
      const { real } = ensureDirectory(root, dirname(inside), ROOT)
      const place = join(real, basename(inside))
      if (lstatSync(place, { throwIfNoEntry: false }) === undefined) writeFileSync(place, '', { flag: 'wx' })
    }
  }
}
const ROOT = { uid: 0, gid: 0 }
