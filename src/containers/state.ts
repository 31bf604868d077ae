import { conflict, notModified, type TareError } from '../errdefs.ts'
import type { Container, Lifecycle } from './container.ts'

export type Verb = 'start' | 'stop' | 'kill' | 'pause' | 'unpause' | 'remove' | 'exec' | 'attach' | 'resize' | 'top'
type Status = Lifecycle['status']
type Rule = (id: string, name: string) => TareError

const running = (id: string): TareError => conflict(`container ${id} is not running`)
const paused = (id: string): TareError => conflict(`Container ${id} is paused, unpause the container before exec`)
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
    created: id => conflict(`cannot kill container: ${id}: container ${id} is not running`),
    exited: id => conflict(`cannot kill container: ${id}: container ${id} is not running`),
    dead: id => conflict(`cannot kill container: ${id}: container ${id} is not running`),
  },
  pause: {
    created: running,
    exited: running,
    dead: running,
    restarting: id => conflict(`container ${id} is restarting, wait until the container is running`),
    paused: id => conflict(`container ${id} is already paused`),
  },
  unpause: {
    created: id => conflict(`container ${id} is not paused`),
    exited: id => conflict(`container ${id} is not paused`),
    dead: id => conflict(`container ${id} is not paused`),
    running: id => conflict(`container ${id} is not paused`),
    restarting: id => conflict(`container ${id} is not paused`),
  },
  remove: {
    running: (_, name) =>
      conflict(
        `cannot remove container "${name}": container is running: stop the container before removing or force remove`,
      ),
    paused: (_, name) => conflict(`cannot remove container "${name}": container is paused and must be unpaused first`),
    restarting: (_, name) =>
      conflict(
        `cannot remove container "${name}": container is restarting: stop the container before removing or force remove`,
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
    paused: id => conflict(`container ${id} is paused, unpause the container before attach`),
    restarting: id => conflict(`container ${id} is restarting, wait until the container is running`),
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
export const refusal = (verb: Verb, status: Status, id: string, name: string): TareError | undefined =>
  REFUSALS[verb][status]?.(id, `/${name}`)

/** Throws the refusal of a verb. */
export const requireAllowed = (verb: Verb, { id, name, life }: Container): void => {
  const error = refusal(verb, life.status, id, name)
  if (error) throw error
}
