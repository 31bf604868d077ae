import { conflict, notModified, type TareError } from '../errdefs.ts'
import type { Container, Lifecycle } from './container.ts'

export type Verb = 'start' | 'stop' | 'kill' | 'pause' | 'unpause' | 'remove' | 'exec' | 'attach' | 'resize' | 'top'
type Status = Lifecycle['status']
/** `reference` is the container as the caller named it. */
type Rule = (id: string, reference: string) => TareError

const running = (id: string): TareError => conflict(`container ${id} is not running`)
const paused = (id: string): TareError => conflict(`Container ${id} is paused, unpause the container before exec`)
const notPaused: Rule = id => conflict(`Container ${id} is not paused`)
const notKilled: Rule = (id, reference) =>
  conflict(`cannot kill container: ${reference}: container ${id} is not running`)
const dying: Rule = id => conflict(`container is marked for removal and cannot be started`, { cause: id })

/**
 * What a verb may be asked of a container in each state: an entry is the refusal, in Docker's words; no entry means yes.
 * `restarting` waits for its next start and has no process.
 */
const REFUSALS: Readonly<Record<Verb, Partial<Record<Status, Rule>>>> = {
  start: {
    running: () => notModified(''),
    paused: () => conflict('cannot start a paused container, try unpause instead'),
    removing: dying,
    dead: dying,
  },
  stop: { created: () => notModified(''), exited: () => notModified(''), dead: () => notModified('') },
  kill: {
    created: notKilled,
    exited: notKilled,
    dead: notKilled,
  },
  pause: {
    created: running,
    exited: running,
    dead: running,
    restarting: id => conflict(`container ${id} is restarting, wait until the container is running`),
    paused: id => conflict(`Container ${id} is already paused`),
  },
  unpause: {
    created: notPaused,
    exited: notPaused,
    dead: notPaused,
    running: notPaused,
    restarting: notPaused,
  },
  remove: {
    running: (_, reference) =>
      conflict(
        `cannot remove container "${reference}": container is running: stop the container before removing or force remove`,
      ),
    paused: (_, reference) =>
      conflict(`cannot remove container "${reference}": container is paused and must be unpaused first`),
    restarting: (_, reference) =>
      conflict(
        `cannot remove container "${reference}": container is restarting: stop the container before removing or force remove`,
      ),
  },
  exec: {
    created: running,
    exited: running,
    dead: running,
    removing: running,
    paused,
    restarting: id => conflict(`Container ${id} is restarting, wait until the container is running`),
  },
  attach: {
    paused: (_, reference) => conflict(`container ${reference} is paused, unpause the container before attach`),
    restarting: (_, reference) => conflict(`container ${reference} is restarting, wait until the container is running`),
  },
  resize: { created: running, exited: running, dead: running, restarting: running },
  top: {
    created: running,
    exited: running,
    dead: running,
    restarting: id => conflict(`container ${id} is restarting, wait until the container is running`),
  },
}

/** The refusal of a verb, or undefined when it may go on. */
export const refusal = (verb: Verb, status: Status, id: string, reference: string): TareError | undefined =>
  REFUSALS[verb][status]?.(id, reference)

/** Throws the refusal of a verb. */
export const requireAllowed = (verb: Verb, { id, life }: Container, reference: string = id): void => {
  const error = refusal(verb, life.status, id, reference)
  if (error) throw error
}
