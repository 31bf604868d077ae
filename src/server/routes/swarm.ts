import { unavailable } from '../../errdefs.ts'
import type { Method, Route } from '../router.ts'

const NOT_A_MANAGER =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.'
const NOT_IN_A_SWARM = 'This node is not part of a swarm'
const NO_SWARM = 'Tare has no swarm mode: to run on many machines, let an orchestrator drive one Tare on each'

const refuse =
  (message: string): Route['handler'] =>
  () => {
    throw unavailable(message)
  }

const rows = (method: Method, paths: string, message: string): Route[] =>
  paths.split(' ').map(path => ({ method, path, handler: refuse(message) }))

/** Swarm is off, and says so as dockerd does when it is off. */
export const swarmRoutes = (): readonly Route[] => [
  ...rows(
    'GET',
    '/swarm /swarm/unlockkey /nodes /nodes/{id} /services /services/{id} /services/{id}/logs',
    NOT_A_MANAGER,
  ),
  ...rows('GET', '/tasks /tasks/{id} /tasks/{id}/logs /secrets /secrets/{id} /configs /configs/{id}', NOT_A_MANAGER),
  ...rows(
    'POST',
    '/swarm/update /swarm/unlock /nodes/{id}/update /services/create /services/{id}/update',
    NOT_A_MANAGER,
  ),
  ...rows('POST', '/secrets/create /secrets/{id}/update /configs/create /configs/{id}/update', NOT_A_MANAGER),
  ...rows('DELETE', '/nodes/{id} /services/{id} /secrets/{id} /configs/{id}', NOT_A_MANAGER),
  ...rows('POST', '/swarm/leave', NOT_IN_A_SWARM),
  ...rows('POST', '/swarm/init /swarm/join', NO_SWARM),
]
