import { invalidArgument } from '../../errdefs.ts'
import {
  familiarName,
  familiarRepository,
  parseReference,
  type Reference,
  withDefaultTag,
} from '../../oci/reference.ts'

/** A base image that can be made from packages. */
export type Recipe =
  | { readonly kind: 'debian'; readonly reference: Reference; readonly suite: Suite; readonly slim: boolean }
  | { readonly kind: 'busybox'; readonly reference: Reference }

export type Suite = {
  readonly name: string
  readonly version: string
  /** Seconds since the epoch: the day of its release. Where packages ask for the date, they get this one. */
  readonly released: number
  /** Packages that must be named, because apt would choose another alternative. */
  readonly include: readonly string[]
}

export const SUITES: readonly Suite[] = [
  { name: 'bullseye', version: '11', released: Date.UTC(2021, 7, 14) / 1000, include: [] },
  // Else it takes usrmerge, which brings all of Perl.
  { name: 'bookworm', version: '12', released: Date.UTC(2023, 5, 10) / 1000, include: ['usr-is-merged'] },
  { name: 'trixie', version: '13', released: Date.UTC(2025, 7, 9) / 1000, include: [] },
]

/** Names that `tare image bootstrap` takes. */
export const bootstrapNames = (): string[] => [
  'busybox',
  ...SUITES.flatMap(({ name }) => [`debian:${name}`, `debian:${name}-slim`]),
]

/** Whether a name can be made from packages. */
export const isInCatalogue = (reference: Reference): boolean => recipeOf(withDefaultTag(reference)) !== undefined

/** InvalidArgument, with all that there is, for a name that cannot be made. */
export const recipeFor = (name: string): Recipe => {
  const reference = withDefaultTag(parseReference(name))
  const recipe = recipeOf(reference)
  if (recipe) return recipe
  throw invalidArgument(
    `cannot bootstrap ${familiarName(reference)}: what can be made from packages is ${bootstrapNames().join(', ')}`,
  )
}

const recipeOf = (reference: Reference): Recipe | undefined => {
  const repository = familiarRepository(reference)
  if (repository === 'busybox' && reference.tag === 'latest') return { kind: 'busybox', reference }
  if (repository === 'debian' && reference.tag !== undefined) {
    const slim = reference.tag.endsWith('-slim')
    const wanted = slim ? reference.tag.slice(0, -'-slim'.length) : reference.tag
    const suite = SUITES.find(({ name: suiteName, version }) => wanted === suiteName || wanted === version)
    if (suite) return { kind: 'debian', reference, suite, slim }
  }
  return undefined
}
