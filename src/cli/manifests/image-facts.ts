const FIELDS = [
  'created',
  'author',
  'architecture',
  'os',
  'os.version',
  'os.features',
  'variant',
  'config',
  'rootfs',
  'history',
]
const CONFIG =
  'User ExposedPorts Env Entrypoint Cmd Volumes WorkingDir Labels StopSignal ArgsEscaped Healthcheck OnBuild StopTimeout Shell'.split(
    ' ',
  )

/** What OCI says of an image, in its order, and of its configuration what is set: Docker writes much beside that nobody reads. */
export const imageFacts = (document: Readonly<Record<string, unknown>>): Record<string, unknown> => {
  const facts = pick(document, FIELDS)
  return { ...facts, config: pick((document.config ?? {}) as Record<string, unknown>, CONFIG) }
}

const pick = (object: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(names.flatMap(name => (isSet(object[name]) ? [[name, object[name]]] : [])))

const isSet = (value: unknown): boolean =>
  typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : Boolean(value)
