import { conflict, invalidArgument } from '../errdefs.ts'
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

/** The file of another container's namespace. Throws NotFound, Conflict when it does not run. */
export const namespaceOf = (store: ContainerStore, reference: string, type: NamespaceType): string => {
  const other = store.get(reference)
  if (!other.running)
    throw conflict(
      `cannot join ${type} namespace of a non running container: container ${other.id} is ${other.life.status}`,
    )
  const file = type === 'network' ? 'net' : type === 'mount' ? 'mnt' : type
  return `/proc/${other.life.pid}/ns/${file}`
}
