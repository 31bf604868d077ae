import { parseReference } from '../../oci/reference.ts'
import { parseUlimit } from '../create/checks.ts'
import { checkEnv } from '../create/environment.ts'
import { Failure } from '../failure.ts'
import type { Flags } from '../flags/flags.ts'
import { csvPairs } from './csv-fields.ts'

/** Those of buildx, those that only Docker's classic builder has, and `--on-error`. */
export const BUILD_FLAGS = `
      --add-host list            Add a custom host-to-IP mapping (format: "host:ip")
      --allow list               Allow extra privileged entitlement (e.g., "network.host", "security.insecure")
      --annotation list          Add annotation to the image
      --attest list              Attestation parameters (format: "type=sbom,generator=image")
      --build-arg list           Set build-time variables
      --build-context list       Additional build contexts (e.g., name=path)
      --cache-from list          External cache sources (e.g., "user/app:cache", "type=local,src=path/to/dir")
      --cache-to list            Cache export destinations (e.g., "user/app:cache", "type=local,dest=path/to/dir")
      --call string              Set method for evaluating build ("check") (default "build")
      --cgroup-parent string     Set the parent cgroup for the "RUN" instructions during build
      --check                    Shorthand for "--call=check"
      --cpu-period int           Limit the CPU CFS (Completely Fair Scheduler) period
      --cpu-quota int            Limit the CPU CFS (Completely Fair Scheduler) quota
  -c, --cpu-shares int           CPU shares (relative weight)
      --cpuset-cpus string       CPUs in which to allow execution (0-3, 0,1)
      --cpuset-mems string       MEMs in which to allow execution (0-3, 0,1)
      --debug                    Shorthand for "--on-error=shell"
      --disable-content-trust    Skip image verification (default true)
  -f, --file string              Name of the Dockerfile (default: "PATH/Dockerfile")
      --force-rm                 Always remove intermediate containers
      --iidfile string           Write the image ID to a file
      --label list               Set metadata for an image
      --load                     Shorthand for "--output=type=docker"
  -m, --memory bytes             Memory limit
      --memory-swap bytes        Swap limit equal to memory plus swap: -1 to enable unlimited swap
      --metadata-file string     Write build result metadata to a file
      --network string           Set the networking mode for the "RUN" instructions during build (default "default")
      --no-cache                 Do not use cache when building the image
      --no-cache-filter strings  Do not cache specified stages
      --on-error string          What to do when a step fails ("shell": look at what it left)
  -o, --output list              Output destination (format: "type=local,dest=path")
      --platform strings         Set target platform for build
      --progress string          Set type of progress output ("auto", "none", "plain", "quiet", "rawjson", "tty"). Use plain to show container output (default "auto")
      --provenance string        Shorthand for "--attest=type=provenance"
      --pull                     Always attempt to pull all referenced images
      --push                     Shorthand for "--output=type=registry"
  -q, --quiet                    Suppress the build output and print image ID on success
      --rm                       Remove intermediate containers after a successful build (default true)
      --sbom string              Shorthand for "--attest=type=sbom"
      --secret list              Secret to expose to the build (format: "id=mysecret[,src=/local/secret]")
      --security-opt strings     Security options
      --shm-size bytes           Shared memory size for build containers
      --squash                   Squash newly built layers into a single new layer
      --ssh list                 SSH agent socket or keys to expose to the build (format: "default|<id>[=<socket>|<key>[,<key>]]")
  -t, --tag list                 Name and optionally a tag (format: "name:tag")
      --target string            Set the target build stage to build
      --ulimit ulimit            Ulimit options (default [])
`

const ENTITLEMENTS = ['network.host', 'security.insecure', 'device']

const keyed: Check = value => {
  if (value.startsWith('=') || value === '')
    throw new Error(`invalid key-value pair ${JSON.stringify(value)}: empty key`)
}

const withPairs =
  (...known: readonly string[]) =>
  (value: string): void => {
    for (const [key] of csvPairs(value))
      if (!known.includes(key)) throw new Error(`unexpected key '${key}' in '${value}'`)
  }

export const BUILD_CHECKS: Readonly<Record<string, (value: string) => string>> = {
  // A name alone takes our own variable's value.
  'build-arg': value => (value === '' || value.startsWith('=') ? value : checkEnv(value)),
  ulimit: value => {
    parseUlimit(value)
    return value
  },
}

type Check = (value: string) => void

/** In buildx's words, and in its order: what it says when it reads its flags, and what it says of a build. */
const BY_FLAG: readonly (readonly [flag: string, prefix: string, check: Check])[] = [
  ['build-arg', '', keyed],
  [
    'build-context',
    '',
    value => {
      if (!/^[^=]+=./.test(value)) throw new Error(`invalid context value: ${value}, expected key=value`)
    },
  ],
  ['label', '', keyed],
  ['secret', '', withPairs('id', 'type', 'src', 'source', 'env')],
  [
    'progress',
    '',
    value => {
      if (!['auto', 'none', 'plain', 'quiet', 'rawjson', 'tty'].includes(value))
        throw new Error(`invalid progress mode ${value}`)
    },
  ],
  [
    'call',
    '',
    value => {
      if (!['', 'build', 'check', 'lint'].includes(value)) throw new Error(`unsupported method ${value}`)
    },
  ],
  [
    'on-error',
    '',
    value => {
      if (!['', 'shell'].includes(value)) throw new Error(`unknown action ${value}: must be "shell"`)
    },
  ],
  [
    'add-host',
    'failed to build: ',
    value => {
      if (!/^[^:=]+[:=].+$/.test(value)) throw new Error(`invalid host ${value}`)
    },
  ],
  [
    'allow',
    'failed to build: ',
    value => {
      if (!ENTITLEMENTS.some(name => value === name || value.startsWith(`${name}=`)))
        throw new Error(`unknown entitlement ${value}`)
    },
  ],
  [
    'tag',
    'failed to build: ',
    value => {
      try {
        parseReference(value)
      } catch (error) {
        throw new Error(`invalid tag ${JSON.stringify(value)}: ${(error as Error).message}`, { cause: error })
      }
    },
  ],
]

/** Throws Failure for a value that cannot be. */
export const checkBuildFlags = (flags: Flags): void => {
  for (const [flag, prefix, check] of BY_FLAG) {
    for (const value of flags.changed(flag) ? flags.list(flag) : []) {
      try {
        check(value)
      } catch (error) {
        throw new Failure(1, `ERROR: ${prefix}${(error as Error).message}`)
      }
    }
  }
}
