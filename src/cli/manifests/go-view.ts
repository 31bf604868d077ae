import { isMap, toJson, type Value } from '../template/value.ts'

/** Names that Go's types have where their JSON has others; what is not here begins with a capital letter. */
const NAMES: Readonly<Record<string, string>> = {
  os: 'OS',
  'os.version': 'OSVersion',
  'os.features': 'OSFeatures',
  urls: 'URLs',
  rootfs: 'RootFS',
  diff_ids: 'DiffIDs',
  created_by: 'CreatedBy',
  empty_layer: 'EmptyLayer',
}
/** Below these keys stand names of the user's, which stay as they are. */
export const FREE: ReadonlySet<string> = new Set(['annotations', 'Labels', 'ExposedPorts', 'Volumes'])

const originals = new WeakMap<object, Value>()

/** JSON under the names that Go's templates know it by: `.Manifest.Digest`, `.Image.RootFS.DiffIDs`. */
export const goView = (value: Value, free: ReadonlySet<string> = FREE, rename = true): Value => {
  if (typeof value !== 'object' || value === null) return value
  const view = Array.isArray(value)
    ? value.map(item => goView(item, free))
    : Object.fromEntries(
        Object.entries(value).map(([key, item]) => {
          const name = rename ? (NAMES[key] ?? key.charAt(0).toUpperCase() + key.slice(1)) : key
          return [name, goView(item, free, !free.has(key))]
        }),
      )
  originals.set(view, value)
  return view
}

/** JSON of what a template handles, under its own names, indented. */
export const viewJson = (value: Value): string => {
  const original = typeof value === 'object' && value !== null ? (originals.get(value) ?? value) : value
  return isMap(original) || Array.isArray(original) ? JSON.stringify(original, undefined, 2) : toJson(original)
}
