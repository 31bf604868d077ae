/** Wire types of `/images` and `/build`: Docker Engine API 1.52. */
import type { Descriptor } from '../oci/descriptor.ts'
import type { ExecutionConfig } from '../oci/image-config.ts'
import type { Platform } from '../oci/platform.ts'

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
  /** Tare's own: never collected by itself. */
  readonly Pinned?: true
  /** From 1.47 on, when asked for. */
  readonly Manifests?: readonly ImageManifestSummary[]
}

/** What an image's name stands for: one manifest of an index, here or not. */
export type ImageManifestSummary = {
  /** Digest of the manifest. */
  readonly ID: string
  readonly Descriptor: Descriptor
  /** All of it is here. */
  readonly Available: boolean
  /** Bytes of blobs, and with what lies unpacked. */
  readonly Size: { readonly Content: number; readonly Total: number }
  readonly Kind: 'image' | 'attestation' | 'unknown'
  readonly ImageData?: {
    readonly Platform: Platform
    /** Ids of the containers that stand on it. */
    readonly Containers: readonly string[]
    readonly Size: { readonly Unpacked: number }
  }
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
  /** Tare's own: never collected by itself. */
  readonly Pinned?: true
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
