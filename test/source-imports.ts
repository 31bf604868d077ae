import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

export type Import = {
  /** Relative to src/: `images/images.ts`. */
  readonly from: string
  /** Relative to src/, or a package's or a platform module's name. */
  readonly to: string
  readonly isPackage: boolean
  /** Gone when the program runs. */
  readonly isType: boolean
  /** `import()`: read when it is first needed. */
  readonly isLazy: boolean
}

/** All TypeScript files below a folder, relative to it. */
export const sourceFiles = (folder: string): string[] =>
  (readdirSync(folder, { recursive: true }) as string[]).filter(name => name.endsWith('.ts')).sort()

const STATIC = /^\s*(?:import|export)\s+(type\s)?[^'"`;]*?from\s+['"]([^'"]+)['"]|^\s*import\s+['"]([^'"]+)['"]/gm
const DYNAMIC = /(typeof\s+)?\bimport\(\s*['"]([^'"]+)['"]\s*\)(\s*\.\s*[A-Z])?/g

/** The imports of one file below `folder`. */
export const importsOf = (folder: string, from: string): Import[] => {
  const text = readFileSync(join(folder, from), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const resolved = (name: string, isType: boolean, isLazy: boolean): Import => {
    const isPackage = !name.startsWith('.')
    return {
      from,
      to: isPackage ? name : relative(folder, join(folder, dirname(from), name)),
      isPackage,
      isType,
      isLazy,
    }
  }
  return [
    ...[...text.matchAll(STATIC)].map(([, type, name, bare]) =>
      resolved(name ?? bare ?? '', type !== undefined, false),
    ),
    ...[...text.matchAll(DYNAMIC)].map(([, type, name, member]) =>
      resolved(name ?? '', type !== undefined || member !== undefined, true),
    ),
  ]
}

/** The first circle that following the imports finds, as the files in their order, or undefined. */
export const findCycle = (imports: readonly Import[]): string[] | undefined => {
  const targets = new Map<string, string[]>()
  for (const { from, to, isPackage } of imports) {
    if (!isPackage) targets.set(from, [...(targets.get(from) ?? []), to])
  }
  const done = new Set<string>()
  const path: string[] = []
  const visit = (file: string): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (done.has(file)) return undefined
    path.push(file)
    for (const target of targets.get(file) ?? []) {
      const cycle = visit(target)
      if (cycle) return cycle
    }
    path.pop()
    done.add(file)
    return undefined
  }
  for (const file of targets.keys()) {
    const cycle = visit(file)
    if (cycle) return cycle
  }
  return undefined
}
