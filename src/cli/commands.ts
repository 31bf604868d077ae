import type { Command, RawCommand } from './command.ts'

export type CommandEntry = {
  /** Every name of the command, as `Aliases:` lists them. */
  readonly paths: readonly string[]
  /** Names that work but are not shown. */
  readonly hidden?: readonly string[]
  readonly summary: string
  readonly load: () => Promise<{ command: Command | RawCommand }>
}

/** All commands. Only the one that is called is loaded: `ps` does not pay for `build`. */
// biome-ignore format: a table is read by its lines
const ENTRIES: readonly CommandEntry[] = [
  { paths: ['container attach', 'attach'], summary: 'Attach local standard input, output, and error streams to a running container', load: () => import('./commands/attach.ts') },
  { paths: ['image build', 'build', 'builder build'], summary: 'Build an image from a Dockerfile', load: () => import('./commands/build.ts') },
  { paths: ['container commit', 'commit'], summary: "Create a new image from a container's changes", load: () => import('./commands/commit.ts') },
  { paths: ['container create', 'create'], summary: 'Create a new container', load: () => import('./commands/create.ts') },
  { paths: ['system events', 'events'], summary: 'Get real time events from the server', load: () => import('./commands/events.ts') },
  { paths: ['container exec', 'exec'], summary: 'Execute a command in a running container', load: () => import('./commands/exec.ts') },
  { paths: ['container export', 'export'], summary: "Export a container's filesystem as a tar archive", load: () => import('./commands/export.ts') },
  { paths: ['image history', 'history'], summary: 'Show the history of an image', load: () => import('./commands/history.ts') },
  { paths: ['image ls', 'image list', 'images'], summary: 'List images', load: () => import('./commands/images.ts') },
  { paths: ['image import', 'import'], summary: 'Import the contents from a tarball to create a filesystem image', load: () => import('./commands/import.ts') },
  { paths: ['system info', 'info'], summary: 'Display system-wide information', load: () => import('./commands/info.ts') },
  { paths: ['inspect'], summary: 'Return low-level information on Docker objects', load: () => import('./commands/inspect.ts') },
  { paths: ['container kill', 'kill'], summary: 'Kill one or more running containers', load: () => import('./commands/kill.ts') },
  { paths: ['image load', 'load'], summary: 'Load an image from a tar archive or STDIN', load: () => import('./commands/load.ts') },
  { paths: ['login'], summary: 'Authenticate to a registry', load: () => import('./commands/login.ts') },
  { paths: ['logout'], summary: 'Log out from a registry', load: () => import('./commands/logout.ts') },
  { paths: ['container logs', 'logs'], summary: 'Fetch the logs of a container', load: () => import('./commands/logs.ts') },
  { paths: ['container pause', 'pause'], summary: 'Pause all processes within one or more containers', load: () => import('./commands/pause.ts') },
  { paths: ['container port', 'port'], summary: 'List port mappings or a specific mapping for the container', load: () => import('./commands/port.ts') },
  { paths: ['container ls', 'container list', 'container ps', 'ps'], summary: 'List containers', load: () => import('./commands/ps.ts') },
  { paths: ['image pull', 'pull'], summary: 'Download an image from a registry', load: () => import('./commands/pull.ts') },
  { paths: ['image push', 'push'], summary: 'Upload an image to a registry', load: () => import('./commands/push.ts') },
  { paths: ['container rename', 'rename'], summary: 'Rename a container', load: () => import('./commands/rename.ts') },
  { paths: ['container restart', 'restart'], summary: 'Restart one or more containers', load: () => import('./commands/restart.ts') },
  { paths: ['container rm', 'container remove', 'rm'], summary: 'Remove one or more containers', load: () => import('./commands/rm.ts') },
  { paths: ['image rm', 'image remove', 'rmi'], summary: 'Remove one or more images', load: () => import('./commands/rmi.ts') },
  { paths: ['container run', 'run'], summary: 'Create and run a new container from an image', load: () => import('./commands/run.ts') },
  { paths: ['image save', 'save'], summary: 'Save one or more images to a tar archive (streamed to STDOUT by default)', load: () => import('./commands/save.ts') },
  { paths: ['search'], summary: 'Search Docker Hub for images', load: () => import('./commands/search.ts') },
  { paths: ['container start', 'start'], summary: 'Start one or more stopped containers', load: () => import('./commands/start.ts') },
  { paths: ['container stop', 'stop'], summary: 'Stop one or more running containers', load: () => import('./commands/stop.ts') },
  { paths: ['image tag', 'tag'], summary: 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE', load: () => import('./commands/tag.ts') },
  { paths: ['container top', 'top'], summary: 'Display the running processes of a container', load: () => import('./commands/top.ts') },
  { paths: ['container unpause', 'unpause'], summary: 'Unpause all processes within one or more containers', load: () => import('./commands/unpause.ts') },
  { paths: ['version'], summary: 'Show the Tare version information', load: () => import('./commands/version.ts') },
  { paths: ['container wait', 'wait'], summary: 'Block until one or more containers stop, then print their exit codes', load: () => import('./commands/wait.ts') },
  { paths: ['container inspect'], summary: 'Display detailed information on one or more containers', load: () => import('./commands/container-inspect.ts') },
  { paths: ['container prune'], summary: 'Remove all stopped containers', load: () => import('./commands/container-prune.ts') },
  { paths: ['image bootstrap'], summary: "Make a base image from a distribution's own packages", load: () => import('./commands/image-bootstrap.ts') },
  { paths: ['image gc'], summary: 'Remove images by the rules of automatic garbage collection', load: () => import('./commands/image-gc.ts') },
  { paths: ['image inspect'], summary: 'Display detailed information on one or more images', load: () => import('./commands/image-inspect.ts') },
  { paths: ['image pin'], summary: 'Keep images from garbage collection', load: () => import('./commands/image-pin.ts') },
  { paths: ['image prune'], summary: 'Remove unused images', load: () => import('./commands/image-prune.ts') },
  { paths: ['image unpin'], summary: 'Give pinned images back to garbage collection', load: () => import('./commands/image-unpin.ts') },
  { paths: ['builder prune'], summary: 'Remove build cache', load: () => import('./commands/builder-prune.ts') },
  { paths: ['buildx imagetools create'], summary: 'Create a new image based on source images', load: () => import('./commands/imagetools-create.ts') },
  { paths: ['buildx imagetools inspect'], summary: 'Show details of an image in the registry', load: () => import('./commands/imagetools-inspect.ts') },
  { paths: ['manifest annotate'], summary: 'Add additional information to a local image manifest', load: () => import('./commands/manifest-annotate.ts') },
  { paths: ['manifest create'], summary: 'Create a local manifest list for annotating and pushing to a registry', load: () => import('./commands/manifest-create.ts') },
  { paths: ['manifest inspect'], summary: 'Display an image manifest, or manifest list', load: () => import('./commands/manifest-inspect.ts') },
  { paths: ['manifest push'], summary: 'Push a manifest list to a repository', load: () => import('./commands/manifest-push.ts') },
  { paths: ['manifest rm'], summary: 'Delete one or more manifest lists from local storage', load: () => import('./commands/manifest-rm.ts') },
  { paths: ['network connect'], summary: 'Connect a container to a network', load: () => import('./commands/network-connect.ts') },
  { paths: ['network create'], summary: 'Create a network', load: () => import('./commands/network-create.ts') },
  { paths: ['network disconnect'], summary: 'Disconnect a container from a network', load: () => import('./commands/network-disconnect.ts') },
  { paths: ['network inspect'], summary: 'Display detailed information on one or more networks', load: () => import('./commands/network-inspect.ts') },
  { paths: ['network ls', 'network list'], summary: 'List networks', load: () => import('./commands/network-ls.ts') },
  { paths: ['network prune'], summary: 'Remove all unused networks', load: () => import('./commands/network-prune.ts') },
  { paths: ['network rm', 'network remove'], summary: 'Remove one or more networks', load: () => import('./commands/network-rm.ts') },
  { paths: ['registry serve'], summary: 'Offer the local images to other machines, read-only', load: () => import('./commands/registry-serve.ts') },
  { paths: ['system check'], summary: 'Verify every blob, layer and name in the store', load: () => import('./commands/system-check.ts') },
  { paths: ['system df'], summary: 'Show disk usage', load: () => import('./commands/system-df.ts') },
  { paths: ['system install'], summary: 'Install the systemd unit that runs the daemon', load: () => import('./commands/system-install.ts') },
  { paths: ['system prune'], summary: 'Remove unused data', load: () => import('./commands/system-prune.ts') },
  { paths: ['volume create'], summary: 'Create a volume', load: () => import('./commands/volume-create.ts') },
  { paths: ['volume inspect'], summary: 'Display detailed information on one or more volumes', load: () => import('./commands/volume-inspect.ts') },
  { paths: ['volume ls', 'volume list'], summary: 'List volumes', load: () => import('./commands/volume-ls.ts') },
  { paths: ['volume prune'], summary: 'Remove unused local volumes', load: () => import('./commands/volume-prune.ts') },
  { paths: ['volume rm', 'volume remove'], summary: 'Remove one or more volumes', load: () => import('./commands/volume-rm.ts') },
  { paths: ['daemon'], summary: 'Run the engine', load: () => import('./commands/daemon.ts') },
  { paths: ['doctor'], summary: 'Show what this host offers, what is missing, and what mends it', load: async () => ({ command: (await import('./doctor.ts')).doctor }) },
]

export const GROUPS: Readonly<Record<string, string>> = {
  builder: 'Manage builds',
  buildx: 'Extended commands for images',
  'buildx imagetools': 'Commands to work on images in registry',
  container: 'Manage containers',
  image: 'Manage images',
  manifest: 'Manage image manifests and manifest lists',
  network: 'Manage networks',
  registry: 'Be a registry',
  system: 'Manage Tare',
  volume: 'Manage volumes',
}

const COMMON = ['run', 'exec', 'ps', 'build', 'pull', 'push', 'images', 'login', 'logout', 'search', 'version', 'info']

/** `path`: the words that were understood; `rest`: what follows them. */
export type Found = {
  readonly path: string
  readonly rest: readonly string[]
  readonly command: CommandEntry | undefined
}

export const findCommand = (args: readonly string[]): Found => {
  const [first = ''] = args
  let depth = 0
  while (GROUPS[args.slice(0, depth + 1).join(' ')] !== undefined && depth < args.length) depth++
  if (depth > 0) {
    const path = args.slice(0, depth + 1).join(' ')
    const command = depth < args.length ? entryOf(path) : undefined
    return command
      ? { path, rest: args.slice(depth + 1), command }
      : { path: args.slice(0, depth).join(' '), rest: args.slice(depth), command }
  }
  if (first === 'help') return { path: 'help', rest: args.slice(1), command: undefined }
  const command = first.includes(' ') ? undefined : entryOf(first)
  return command ? { path: first, rest: args.slice(1), command } : { path: '', rest: args, command }
}

export const entryOf = (path: string): CommandEntry | undefined => ENTRIES.find(entry => entry.paths.includes(path))

export const summaryOf = (path: string): string => entryOf(path)?.summary ?? ''

/** The commands of a group by their first name there, and the groups in it, sorted. */
export const listGroup = (group: string): string[] => {
  const below = (path: string): string[] => (path.startsWith(`${group} `) ? [path.slice(group.length + 1)] : [])
  const commands = ENTRIES.flatMap(entry => entry.paths.flatMap(below)[0] ?? [])
  return [...commands, ...Object.keys(GROUPS).flatMap(below)].filter(name => !name.includes(' ')).sort()
}

export const listRoot = (): { common: readonly string[]; plain: readonly string[] } => ({
  common: COMMON,
  plain: ENTRIES.flatMap(entry => entry.paths.find(path => !path.includes(' ')) ?? [])
    .filter(path => !COMMON.includes(path))
    .sort(),
})
