import type { ImageHistoryItem, ImageInspect } from '../api/image.ts'
import { internal } from '../errdefs.ts'
import type { ExecutionConfig } from '../oci/image-config.ts'
import { familiarName, type Reference } from '../oci/reference.ts'
import type { Image } from './image.ts'

export type InspectFacts = {
  readonly image: Image
  readonly names: readonly Reference[]
  /** Milliseconds since the epoch. */
  readonly lastTagged: number | undefined
  readonly pinned: boolean
  readonly driver: string
  readonly driverData: Readonly<Record<string, string>>
}

/** `GET /images/{name}/json` */
export const inspectImage = ({ image, names, lastTagged, pinned, driver, driverData }: InspectFacts): ImageInspect => {
  const { config } = image
  return {
    Id: image.id,
    RepoTags: names.filter(({ digest }) => digest === undefined).map(familiarName),
    RepoDigests: names.filter(({ digest }) => digest !== undefined).map(familiarName),
    Parent: '',
    Comment: config.history?.at(-1)?.comment ?? '',
    ...(config.created === undefined ? {} : { Created: config.created }),
    DockerVersion: '',
    Author: config.author ?? '',
    Config: wholeConfig(config.config ?? {}),
    Architecture: config.architecture,
    ...(config.variant ? { Variant: config.variant } : {}),
    Os: config.os,
    ...(config['os.version'] ? { OsVersion: config['os.version'] } : {}),
    Size: image.size,
    GraphDriver: { Name: driver, Data: driverData },
    RootFS: { Type: 'layers', Layers: image.layers.map(({ diffId }) => diffId) },
    Metadata: { LastTagTime: lastTagged === undefined ? '0001-01-01T00:00:00Z' : new Date(lastTagged).toISOString() },
    ...(pinned ? { Pinned: true } : {}),
  }
}

/** The fields that clients expect to be there, also where the image says nothing of them. */
const wholeConfig = (config: ExecutionConfig): ExecutionConfig => ({
  ...config,
  User: config.User ?? '',
  Env: config.Env ?? null,
  Cmd: config.Cmd ?? null,
  Entrypoint: config.Entrypoint ?? null,
  Volumes: config.Volumes ?? null,
  WorkingDir: config.WorkingDir ?? '',
  OnBuild: config.OnBuild ?? null,
  Labels: config.Labels ?? null,
})

/** `GET /images/{name}/history`, newest first. */
export const historyOf = (image: Image, names: readonly Reference[]): ImageHistoryItem[] => {
  let layer = 0
  const items = (image.config.history ?? []).map((step): ImageHistoryItem => {
    const size = step.empty_layer ? 0 : image.layers[layer++]?.size
    if (size === undefined) throw internal('too many non-empty layers in History section')
    return {
      Id: '<missing>',
      Created: step.created === undefined ? 0 : Math.floor(Date.parse(step.created) / 1000),
      CreatedBy: step.created_by ?? '',
      Tags: null,
      Size: size,
      Comment: step.comment ?? '',
    }
  })
  const tags = names.filter(({ digest }) => digest === undefined).map(familiarName)
  return items
    .reverse()
    .map((item, index) => (index === 0 ? { ...item, Id: image.id, Tags: tags.length > 0 ? tags : null } : item))
}
