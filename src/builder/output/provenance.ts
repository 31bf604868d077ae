import { randomUUID } from 'node:crypto'
import type { BuildOptions } from '../../api/build-options.ts'
import { invalidArgument, notImplemented } from '../../errdefs.ts'
import type { Attest } from '../../images/built-images.ts'
import { hexOf } from '../../oci/digest.ts'
import { formatPlatform, hostPlatform } from '../../oci/platform.ts'
import { familiarRepository, type Reference } from '../../oci/reference.ts'
import type { StageState } from '../solver/stage-state.ts'

const PREDICATE = 'https://slsa.dev/provenance/v1'

/** Refuses what cannot be attested. InvalidArgument, or NotImplemented by name. */
export const wantsProvenance = ({ attestations, exports }: BuildOptions): boolean => {
  for (const { type, attributes } of attestations) {
    if (type === 'sbom') throw notImplemented('the builder makes no SBOM yet')
    const { mode = 'min', ...others } = attributes
    if (mode !== 'min' && mode !== 'max') throw invalidArgument(`invalid mode ${JSON.stringify(mode)} of provenance`)
    if (mode === 'max') throw notImplemented('provenance of mode "max" is not supported yet: ask for mode=min')
    const [other] = Object.keys(others)
    if (other !== undefined) throw notImplemented(`provenance does not support ${JSON.stringify(other)}`)
  }
  if (attestations.length > 0 && exports.some(({ type }) => type === 'local' || type === 'tar'))
    throw notImplemented('the local and tar exporters carry no attestations yet')
  return attestations.length > 0
}

/**
 * How images came about, without the arguments that they were built with (https://slsa.dev/spec/v1.0/provenance). `started`:
 * milliseconds since the epoch.
 */
export const provenance =
  (options: BuildOptions, ends: readonly StageState[], names: readonly Reference[], started: number): Attest =>
  (at, { digest }) => {
    const platform = formatPlatform(ends[at]?.platform ?? hostPlatform())
    const sha256 = hexOf(digest)
    const named = names.map(
      name => `pkg:docker/${familiarRepository(name)}@${name.tag}?platform=${encodeURIComponent(platform)}`,
    )
    const { context, dockerfile } = options
    const source = context.type === 'url' ? { uri: context.url } : {}
    const statement = {
      _type: 'https://in-toto.io/Statement/v0.1',
      predicateType: PREDICATE,
      subject: (named.length > 0 ? named : ['_']).map(name => ({ name, digest: { sha256 } })),
      predicate: {
        buildDefinition: {
          buildType: 'urn:tare:build:dockerfile:v1',
          externalParameters: {
            configSource: { ...source, path: dockerfile.path || 'Dockerfile' },
            request: {
              frontend: 'dockerfile.v0',
              ...(options.target === '' ? {} : { args: { target: options.target } }),
              ...(context.type === 'client' ? { locals: [{ name: 'context' }, { name: 'dockerfile' }] } : {}),
            },
          },
          internalParameters: { builderPlatform: formatPlatform(hostPlatform()) },
        },
        runDetails: {
          builder: { id: '' },
          metadata: {
            invocationId: randomUUID(),
            startedOn: new Date(started).toISOString(),
            finishedOn: new Date().toISOString(),
          },
        },
      },
    }
    return [{ predicateType: PREDICATE, statement }]
  }
