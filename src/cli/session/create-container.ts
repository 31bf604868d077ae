import { existsSync, writeFileSync } from 'node:fs'
import type { DaemonError } from '../../api/client.ts'
import type { ContainerCreateResponse } from '../../api/container.ts'
import { isKind } from '../../errdefs.ts'
import { formatPlatform } from '../../oci/platform.ts'
import { familiarName, parseReference, withDefaultTag } from '../../oci/reference.ts'
import type { Context } from '../command.ts'
import { refuseContentTrust } from '../content-trust.ts'
import { createRequest } from '../create/create-request.ts'
import type { Flags } from '../flags/flags.ts'
import { checkPlatform, wantedPlatform } from '../platform-flag.ts'

/** Creates the container that the flags of `run` or `create` describe; pulls its image when it is missing. Gives its ID. */
export const createContainer = async (
  context: Context,
  flags: Flags,
  args: readonly string[],
  prepare: (body: Body) => Body = body => body,
): Promise<string> => {
  const { client, stderr, config } = context
  const [image = '', ...command] = args
  const pull = flags.string('pull')
  if (!['always', 'missing', 'never', ''].includes(pull))
    throw new Error(`invalid pull option: '${pull}': must be one of "always", "missing" or "never"`)
  refuseContentTrust(flags)
  const cidFile = flags.string('cidfile')
  if (cidFile !== '' && existsSync(cidFile))
    throw new Error(`container ID file found, make sure the other container isn't running or delete ${cidFile}`)
  const body = prepare(createRequest(flags, image, command, config.proxyEnvironment(client.endpoint.text)))
  checkImage(image)
  const asked = wantedPlatform(flags)
  const platform = asked && formatPlatform(checkPlatform(asked, 'error parsing specified platform: '))
  const pullImage = async (): Promise<void> => {
    const { pullImage } = await import('../progress/pull-image.ts')
    await pullImage(context, image, { platform, quiet: flags.bool('quiet'), strict: true, output: stderr })
  }
  if (pull === 'always') await pullImage()
  const create = (): Promise<ContainerCreateResponse> =>
    client.post<ContainerCreateResponse>('/containers/create', {
      query: { name: flags.string('name') || undefined, platform },
      json: body,
    })
  let created: ContainerCreateResponse
  try {
    created = await create()
  } catch (error) {
    if (!isMissingImage(error, image) || pull !== 'missing') throw error
    if (!flags.bool('quiet'))
      stderr.line(`Unable to find image '${familiarName(withDefaultTag(parseReference(image)))}' locally`)
    await pullImage()
    created = await create()
  }
  for (const warning of created.Warnings ?? []) stderr.line(`WARNING: ${warning}`)
  if (cidFile !== '') writeFileSync(cidFile, created.Id)
  return created.Id
}
type Body = ReturnType<typeof createRequest>

const isMissingImage = (error: unknown, image: string): boolean =>
  isKind(error, 'NotFound') &&
  /No such image|not found|does not match the specified platform/.test((error as DaemonError).message) &&
  !/^sha256:|^[0-9a-f]{12,64}$/.test(image)

/** Docker's client refuses a name that cannot be one before it asks the daemon. */
const checkImage = (image: string): void => {
  if (!/^(sha256:)?[0-9a-f]{64}$/.test(image)) parseReference(image)
}
