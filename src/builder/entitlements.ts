import type { BuildOptions } from '../api/build-options.ts'
import { forbidden, invalidArgument } from '../errdefs.ts'
import type { Dockerfile } from './dockerfile/dockerfile.ts'
import { DockerfileError } from './dockerfile/dockerfile-error.ts'
import type { Instruction } from './dockerfile/instruction.ts'
import type { Plan } from './solver/plan.ts'

/** What a build may do only when its client and the daemon both say so. https://docs.docker.com/reference/cli/docker/buildx/build/#allow */
export type Entitlement = 'network.host' | 'security.insecure'

const isEntitlement = (name: string): name is Entitlement => name === 'network.host' || name === 'security.insecure'

/** What a build is granted. `allowed`: by the daemon. InvalidArgument, or Forbidden for what the daemon does not allow. */
export const grantedEntitlements = (
  { allow, network }: Pick<BuildOptions, 'allow' | 'network'>,
  allowed: readonly string[],
): ReadonlySet<Entitlement> => {
  // Who asks for the host's network for all steps has said it already.
  const asked = network === 'host' ? [...allow, 'network.host'] : allow
  const granted = new Set<Entitlement>()
  for (const name of asked) {
    if (!isEntitlement(name)) throw invalidArgument(`unknown entitlement ${name}`)
    if (!allowed.includes(name))
      throw forbidden(`granting entitlement ${name} is not allowed by build daemon configuration`)
    granted.add(name)
  }
  return granted
}

/** The words for what an instruction may not do, if anything. */
export const forbiddenBy = (instruction: Instruction, granted: ReadonlySet<Entitlement>): string | undefined => {
  if (instruction.keyword !== 'RUN') return undefined
  if (instruction.network === 'host' && !granted.has('network.host')) return 'network.host is not allowed'
  if (instruction.security === 'insecure' && !granted.has('security.insecure'))
    return 'security.insecure is not allowed'
  return undefined
}

/** Before the first step. @throws DockerfileError with the line */
export const checkEntitlements = (
  { file, source }: Dockerfile,
  { stages }: Plan,
  granted: ReadonlySet<Entitlement>,
): void => {
  for (const { instruction } of stages.flatMap(({ steps }) => steps)) {
    const problem = forbiddenBy(instruction, granted)
    if (problem !== undefined) throw new DockerfileError(problem, file, source, instruction.range)
  }
}
