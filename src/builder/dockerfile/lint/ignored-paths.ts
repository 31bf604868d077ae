import dockerignore from '@balena/dockerignore'

const EVERYTHING = ['*', '**', '**/*']

/** Whether a `.dockerignore` keeps a path out. Undefined when that cannot be said without the files: it has exceptions. */
export const ignoredPaths = (text: string): ((path: string) => boolean) | undefined => {
  const patterns = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
  if (patterns.length === 0 || patterns.some(pattern => pattern.startsWith('!'))) return undefined
  const rules = dockerignore.default({ ignorecase: false }).add(patterns)
  const all = patterns.some(pattern => EVERYTHING.includes(pattern))
  return path => (path === '.' || path === '/' ? all : isInside(path) && rules.ignores(path))
}

/** What is not below the context's root has no rule. */
const isInside = (path: string): boolean => !path.startsWith('/') && path !== '..' && !path.startsWith('../')
