/**
 * All that can be asked of a build, as it travels in a build session (JSON). `POST /build` is translated to the same.
 * Nothing in here is secret: secrets and agents are named only, and fetched from the client when a step wants them.
 */
export type BuildOptions = {
  readonly dockerfile: DockerfileOption
  /** The main context. */
  readonly context: ContextSource
  /** `--build-context NAME=…`: what FROM, COPY --from and mounts may name. */
  readonly namedContexts: Readonly<Record<string, ContextSource>>
  /** References that the image gets. */
  readonly tags: readonly string[]
  /** A stage's name or number; empty for the last. */
  readonly target: string
  readonly buildArgs: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: readonly string[]
  readonly noCache: boolean
  /** Stages that are built anew, by name or number. */
  readonly noCacheFilter: readonly string[]
  /** Registries are asked for base images that are here, too: there may be newer ones. */
  readonly pull: boolean
  /** `linux/arm64`; none: the host's. More than one make an index. */
  readonly platforms: readonly string[]
  readonly network: 'default' | 'none' | 'host'
  /** `host:address`, as `--add-host` takes it; the address may be `host-gateway`. */
  readonly extraHosts: readonly string[]
  /** Bytes of /dev/shm for RUN; 0: the default. */
  readonly shmSize: number
  readonly ulimits: readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[]
  readonly cgroupParent: string
  readonly resources: BuildResources
  /** All layers above the base become one. */
  readonly squash: boolean
  /** Ids that the client has. A step that requires another fails without asking. */
  readonly secrets: readonly string[]
  /** Ids of ssh agents that the client forwards. */
  readonly sshAgents: readonly string[]
  /** `network.host`, `security.insecure`, … */
  readonly allow: readonly string[]
  /** Empty: an image in the store. */
  readonly exports: readonly ExportOption[]
  readonly cacheFrom: readonly CacheOption[]
  readonly cacheTo: readonly CacheOption[]
  readonly attestations: readonly AttestationOption[]
  /** Only the linter's answer is wanted: nothing is built. */
  readonly check: boolean
  /** A step that fails is offered to the client's terminal (`BuildClient.shell`) before its files go. */
  readonly shellOnError: boolean
}

/** A build of the main context's Dockerfile for the host's platform, into the store, without a name. */
export const PLAIN_BUILD: BuildOptions = {
  dockerfile: { path: '' },
  context: { type: 'client' },
  namedContexts: {},
  tags: [],
  target: '',
  buildArgs: {},
  labels: {},
  annotations: [],
  noCache: false,
  noCacheFilter: [],
  pull: false,
  platforms: [],
  network: 'default',
  extraHosts: [],
  shmSize: 0,
  ulimits: [],
  cgroupParent: '',
  resources: {
    memory: 0,
    memorySwap: 0,
    cpuShares: 0,
    cpuPeriod: 0,
    cpuQuota: 0,
    cpusetCpus: '',
    cpusetMems: '',
  },
  squash: false,
  secrets: [],
  sshAgents: [],
  allow: [],
  exports: [],
  cacheFrom: [],
  cacheTo: [],
  attestations: [],
  check: false,
  shellOnError: false,
}

export type DockerfileOption = {
  /** In the context; empty for `Dockerfile`. */
  readonly path: string
  /** Its text where the client sends it apart from the context (`-f -`, a file from elsewhere). */
  readonly text?: string | undefined
}

export type ContextSource =
  /** Files of the client's: `BuildClient.context`. */
  | { readonly type: 'client' }
  /** No files: only the Dockerfile's text. */
  | { readonly type: 'none' }
  /** `https://…/x.tar.gz`, `https://…/x.git#ref:dir`, `git@…`: the daemon fetches it. */
  | { readonly type: 'url'; readonly url: string }
  /** `docker-image://alpine:3` */
  | { readonly type: 'image'; readonly reference: string }

/** cgroup limits of RUN's processes, as Docker's `HostConfig` names them; 0 or empty: none. */
export type BuildResources = {
  readonly memory: number
  readonly memorySwap: number
  readonly cpuShares: number
  readonly cpuPeriod: number
  readonly cpuQuota: number
  readonly cpusetCpus: string
  readonly cpusetMems: string
}

/** `-o type=…,key=value`. What has a destination at the client is written to `BuildClient.output(index)`, a tar stream. */
export type ExportOption = {
  readonly type: 'image' | 'docker' | 'oci' | 'local' | 'tar' | 'registry' | 'cacheonly'
  /** All keys but `type` and `dest`: `name`, `push`, `compression`, `tar`, `rewrite-timestamp` … */
  readonly attributes: Readonly<Record<string, string>>
  /** Bytes go to the client. */
  readonly toClient: boolean
}

/**
 * `--cache-from`, `--cache-to`: `type=registry,ref=…`; an image's name alone is `type=registry`. Of `type=local` the client knows
 * the directory: it is its context `cache-from N`, and what is exported goes to `BuildClient.output(exports.length + N)`.
 */
export type CacheOption = {
  readonly type: string
  readonly attributes: Readonly<Record<string, string>>
}

/** `--provenance`, `--sbom`, `--attest type=…`. */
export type AttestationOption = {
  readonly type: 'provenance' | 'sbom'
  readonly attributes: Readonly<Record<string, string>>
}

export type CheckWarning = {
  /** `StageNameCasing` */
  readonly rule: string
  readonly description: string
  readonly url: string
  readonly detail: string
  /** First and last line in the Dockerfile, from 1; 0: the whole. */
  readonly start: number
  readonly end: number
}

/** What a build ends with. */
export type BuildResult = {
  /** Of the image, or the host's platform among several; empty when nothing came into the store. */
  readonly imageId: string
  /** What `--metadata-file` gets: `containerimage.digest`, `image.name` … */
  readonly metadata: Readonly<Record<string, unknown>>
  /** With `check`. */
  readonly warnings?: readonly CheckWarning[]
  /** With `check`: why the Dockerfile cannot be built, or that it asks for warnings to be errors. Lines as above. */
  readonly problem?: { readonly message: string; readonly start: number; readonly end: number }
}
