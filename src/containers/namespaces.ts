import { conflict, invalidArgument, notFound } from '../errdefs.ts'
import type { NamespaceType } from '../oci/runtime-spec.ts'
import type { ContainerStore } from './store.ts'

export type NamespaceMode =
  | { readonly kind: 'own' }
  | { readonly kind: 'host' }
  | { readonly kind: 'container'; readonly reference: string }

const OWN: Readonly<Record<string, readonly string[]>> = {
  pid: ['', 'private'],
  ipc: ['', 'private', 'shareable', 'none'],
  uts: ['', 'private'],
}
const NAMES: Readonly<Record<string, string>> = { pid: 'PID', ipc: 'IPC', uts: 'UTS' }

/** Reads `--pid`, `--ipc` and `--uts`. Throws InvalidArgument in Docker's words. */
export const parseNamespaceMode = (kind: 'pid' | 'ipc' | 'uts', mode: string | undefined): NamespaceMode => {
  const text = mode ?? ''
  if (OWN[kind]?.includes(text)) return { kind: 'own' }
  if (text === 'host') return { kind: 'host' }
  if (text.startsWith('container:') && text.length > 'container:'.length && kind !== 'uts') {
    return { kind: 'container', reference: text.slice('container:'.length) }
  }
  throw invalidArgument(`invalid ${NAMES[kind]} mode: ${text}`)
}

const CONTAINER = 'container:'

/** A mode that names another container, by that one's id: its name may change. Throws InvalidArgument when there is none. */
export const pinned = (store: ContainerStore, kind: 'network' | 'pid' | 'ipc', mode: string): string => {
  if (!mode.startsWith(CONTAINER)) return mode
  const reference = mode.slice(CONTAINER.length)
  if (reference === '')
    throw invalidArgument(`invalid ${NAMES[kind] ?? kind} mode: invalid container format container:<name|id>`)
  const other = store.find(reference)
  // Whose network it is to join is asked again at the start, as Docker does.
  if (!other && kind !== 'network') throw invalidArgument(`No such container: ${reference}`)
  return other ? `${CONTAINER}${other.id}` : mode
}

/** The file of another container's namespace. Throws NotFound, Conflict when it does not run. */
export const namespaceOf = (store: ContainerStore, reference: string, type: NamespaceType): string => {
  const other = store.find(reference)
  if (type === 'network') {
    if (!other) throw notFound(`joining network namespace of container: No such container: ${reference}`)
    if (!other.running) {
      const state = `container ${other.name} is ${other.life.status}`
      throw conflict(`cannot join network namespace of a non running container: ${state}`)
    }
    return `/proc/${other.life.pid}/ns/net`
  }
  if (!other) throw notFound(`No such container: ${reference}`)
  if (!other.running) throw conflict(`failed to join ${NAMES[type]} namespace: container ${other.id} is not running`)
  return `/proc/${other.life.pid}/ns/${type}`
}
