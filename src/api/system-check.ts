/** Wire types of `POST /system/check` (Tare's own): a JSON stream of these, one a line. */

/** What a check looks at. */
export type CheckedKind =
  | 'database'
  | 'blob'
  | 'config'
  | 'manifest'
  | 'index'
  | 'layer'
  | 'tree'
  | 'snapshot'
  | 'name'
  | 'image'
  | 'container'
  | 'volume'
  | 'stray'

export type CheckProblem = {
  readonly Kind: CheckedKind
  /** A digest, a name, a container's id or a path. */
  readonly Id: string
  /** What is wrong. */
  readonly Detail: string
  /** What was done about it; without `repair`, what would be. */
  readonly Repair: string
  readonly Repaired: boolean
}

export type CheckSummary = {
  readonly Blobs: number
  readonly Layers: number
  readonly Problems: number
  readonly Repaired: number
}

/** One line; `Summary` is the last. A check that could not go on ends with `error` as other streams do. */
export type CheckMessage =
  | { readonly Checked: { readonly Kind: CheckedKind; readonly Id: string } }
  | { readonly Problem: CheckProblem }
  | { readonly Summary: CheckSummary }
