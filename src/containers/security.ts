import type { HostConfig } from '../api/container.ts'
import { invalidArgument, notImplemented } from '../errdefs.ts'
import type { SeccompSpec } from '../oci/runtime-spec.ts'
import { defaultSeccomp } from '../runtime/seccomp.ts'

export type SecurityOptions = {
  readonly seccomp: 'default' | 'unconfined'
  readonly noNewPrivileges: boolean
  readonly systemPaths: 'masked' | 'unconfined'
}

/** Reads `--security-opt`. Throws InvalidArgument for one that is unknown, NotImplemented for one that Tare lacks. */
export const securityOptions = (
  options: readonly string[],
  defaults: { noNewPrivileges: boolean },
): SecurityOptions => {
  let seccomp: SecurityOptions['seccomp'] = 'default'
  let noNewPrivileges = defaults.noNewPrivileges
  let systemPaths: SecurityOptions['systemPaths'] = 'masked'
  for (const option of options) {
    const [key = '', value] = option.split(/[=:](.*)/s, 2)
    switch (key) {
      case 'no-new-privileges':
        if (value !== undefined && value !== 'true' && value !== 'false')
          throw invalidArgument(`invalid --security-opt: "${option}"`)
        noNewPrivileges = value !== 'false'
        break
      case 'seccomp':
        if (value === 'unconfined') seccomp = 'unconfined'
        else if (value === 'builtin' || value === 'default') seccomp = 'default'
        else
          throw notImplemented(
            'custom seccomp profiles are not supported yet: use seccomp=builtin or seccomp=unconfined',
          )
        break
      case 'systempaths':
        if (value !== 'unconfined') throw invalidArgument(`invalid --security-opt: "${option}"`)
        systemPaths = 'unconfined'
        break
      case 'label':
      case 'apparmor':
        // Without SELinux and AppArmor in use there is nothing to label or confine; switching them off is what is so.
        if (value !== 'disable' && value !== 'unconfined')
          throw notImplemented(`--security-opt ${key} is not supported yet`)
        break
      default:
        throw invalidArgument(`invalid --security-opt 2: "${option}"`)
    }
  }
  return { seccomp, noNewPrivileges, systemPaths }
}

export const seccompFor = (
  host: HostConfig,
  options: SecurityOptions,
  capabilities: readonly string[],
): SeccompSpec | undefined =>
  host.Privileged || options.seccomp === 'unconfined' ? undefined : defaultSeccomp(capabilities)
