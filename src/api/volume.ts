/** Wire types of `/volumes`: Docker Engine API 1.52. */
export type VolumeInspect = {
  readonly Name: string
  readonly Driver: string
  readonly Mountpoint: string
  /** RFC 3339. */
  readonly CreatedAt: string
  readonly Labels: Readonly<Record<string, string>> | null
  readonly Scope: 'local'
  readonly Options: Readonly<Record<string, string>> | null
  readonly UsageData?: { readonly Size: number; readonly RefCount: number }
}
export type VolumeCreateRequest = {
  readonly Name?: string | undefined
  readonly Driver?: string | undefined
  readonly DriverOpts?: Readonly<Record<string, string>> | null | undefined
  readonly Labels?: Readonly<Record<string, string>> | null | undefined
}
export type VolumeListResponse = {
  readonly Volumes: readonly VolumeInspect[]
  readonly Warnings: readonly string[] | null
}
export type VolumePruneResponse = { readonly VolumesDeleted: readonly string[]; readonly SpaceReclaimed: number }
