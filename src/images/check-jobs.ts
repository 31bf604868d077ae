import type { Digest } from '../oci/digest.ts'
import type { TreeReport } from '../storage/archive/verify-tree.ts'

/** What the check's thread is asked to do. Paths are trusted. */
export type CheckJob =
  /** Hashes a blob. */
  | { readonly type: 'blob'; readonly path: string }
  /** Hashes a small blob, and reads whom it names. */
  | { readonly type: 'json'; readonly path: string; readonly what: 'config' | 'manifest' | 'index' }
  /** Hashes a layer's blob; when it is the right one its tar too, and holds a tree against it when one is given. */
  | { readonly type: 'layer'; readonly path: string; readonly digest: Digest; readonly tree: string | undefined }
  /** Packs a tree, and hashes what comes out. */
  | { readonly type: 'tree'; readonly tree: string }
  /** Looks over a database, without writing to it. */
  | { readonly type: 'database'; readonly path: string }

/** A file as it is: undefined when it cannot be read, and then `error` says why. */
type File = { readonly digest?: Digest; readonly size?: number; readonly error?: string }

export type CheckResults = {
  readonly blob: File
  /** Digests in the order of the blob: a configuration's diffIDs; a manifest's config and layers; an index's manifests. */
  readonly json: File & { readonly names?: readonly string[] }
  /** `archiveError` when the blob's bytes are no layer; `treeError` when there is no tree to look at. */
  readonly layer: File & {
    readonly diffId?: Digest
    readonly archiveError?: string
    readonly report?: TreeReport
    readonly treeError?: string
  }
  readonly tree: { readonly diffId?: Digest; readonly error?: string }
  readonly database: { readonly problems: readonly string[] }
}

export type CheckResult = CheckResults[CheckJob['type']]
