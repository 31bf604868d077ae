import { invalidArgument } from '../../errdefs.ts'
import type { ImageConfig } from '../../oci/image-config.ts'

/** Seconds since the epoch, as `SOURCE_DATE_EPOCH` says; undefined without it. InvalidArgument in BuildKit's words. */
export const sourceDate = (buildArgs: Readonly<Record<string, string>>): number | undefined => {
  const { SOURCE_DATE_EPOCH: text } = buildArgs
  if (text === undefined || text === '') return undefined
  if (/^\d{1,12}$/.test(text)) return Number(text)
  throw invalidArgument(`invalid SOURCE_DATE_EPOCH: ${text}`)
}

/** The image was made at this time, and none of its steps later. */
export const withSourceDate = (config: ImageConfig, seconds: number): ImageConfig => {
  const time = seconds * 1000
  const created = new Date(time).toISOString()
  return {
    ...config,
    created,
    ...(config.history === undefined
      ? {}
      : {
          history: config.history.map(step =>
            step.created !== undefined && Date.parse(step.created) <= time ? step : { ...step, created },
          ),
        }),
  }
}
