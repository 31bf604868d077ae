/** Wire types of `/images` and `/build`: Docker Engine API 1.52. */
import type { ExecutionConfig } from '../oci/image-config.ts'

/** One row of `GET /images/json`. */
export type ImageSummary = {
  /** Digest of the configuration. */
  readonly Id: string
  readonly ParentId: string
  readonly RepoTags: readonly string[]
  readonly RepoDigests: readonly string[]
  /** Seconds since the epoch. */
  readonly Created: number
  /** Bytes, unpacked. */
  readonly Size: number
  /** -1: not asked. */
  readonly SharedSize: number
  /** -1: not asked. */
  readonly Containers: number
  readonly Labels: Readonly<Record<string, string>> | null
}

/** `GET /images/{name}/json` */
export type ImageInspect = {
  readonly Id: string
  readonly RepoTags: readonly string[]
  readonly RepoDigests: readonly string[]
  readonly Parent: string
  readonly Comment: string
  /** RFC 3339 with nanoseconds. */
  readonly Created?: string
  readonly DockerVersion: string
  readonly Author: string
  readonly Config: ExecutionConfig | null
  readonly Architecture: string
  readonly Variant?: string
  readonly Os: string
  readonly OsVersion?: string
  readonly Size: number
  readonly GraphDriver: { readonly Name: string; readonly Data: Readonly<Record<string, string>> | null }
  readonly RootFS: { readonly Type: 'layers'; readonly Layers: readonly string[] }
  readonly Metadata: { readonly LastTagTime: string }
}

/** One row of `GET /images/{name}/history`. */
export type ImageHistoryItem = {
  /** `<missing>` for steps that have no image of their own. */
  readonly Id: string
  /** Seconds since the epoch. */
  readonly Created: number
  readonly CreatedBy: string
  readonly Tags: readonly string[] | null
  readonly Size: number
  readonly Comment: string
}

/** One row of the answer to `DELETE /images/{name}`. */
export type ImageDeleteItem = { readonly Untagged?: string; readonly Deleted?: string }
export type ImagePruneResponse = {
  readonly ImagesDeleted: readonly ImageDeleteItem[] | null
  readonly SpaceReclaimed: number
}

/** One object of a JSON stream (`/build`, `/images/create`, `/images/load`, `/images/{name}/push`). */
export type JsonMessage = {
  readonly stream?: string
  readonly status?: string
  readonly id?: string
  readonly progress?: string
  readonly progressDetail?: {
    readonly current?: number
    readonly total?: number
    readonly hidecounts?: boolean
    readonly units?: string
  }
  readonly error?: string
  readonly errorDetail?: { readonly code?: number; readonly message: string }
  readonly aux?: unknown
}
