import type { Descriptor } from '../../oci/descriptor.ts'
import { familiarRepository, type Reference, repositoryName } from '../../oci/reference.ts'

/** A name of the local store, and what a registry has under it: a manifest or an index. */
export type PublishedName = { readonly reference: Reference; readonly target: Descriptor }

export type ServedRepository = {
  readonly tags: ReadonlyMap<string, Descriptor>
  /** What its names lead to, those with a digest too. */
  readonly targets: readonly Descriptor[]
}

type Repository = { readonly tags: Map<string, Descriptor>; readonly targets: Descriptor[] }

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests */
const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const NAME_LIMIT = 255

export const isRepositoryName = (name: string): boolean => name.length <= NAME_LIMIT && NAME.test(name)

/**
 * The repositories that local names make. Those of Docker Hub are called as people call them (`debian`), those of other registries
 * by their full name (`ghcr.io/a/b`). Each can also be reached by its path alone (`library/debian`, `a/b`) where no other one
 * has that; and one whose registry has a port, which a name cannot say, by its path only.
 */
export class ServedRepositories {
  readonly #byCanonical = new Map<string, Repository>()
  readonly #own = new Map<string, string>()
  readonly #others = new Map<string, Set<string>>()

  constructor(names: Iterable<PublishedName>) {
    for (const { reference, target } of names) {
      const canonical = repositoryName(reference)
      const known = this.#byCanonical.get(canonical)
      const repository: Repository = known ?? { tags: new Map(), targets: [] }
      if (!known) this.#add(canonical, reference)
      this.#byCanonical.set(canonical, repository)
      repository.targets.push(target)
      if (reference.tag !== undefined) repository.tags.set(reference.tag, target)
    }
  }

  #add(canonical: string, reference: Reference): void {
    const familiar = familiarRepository(reference)
    if (isRepositoryName(familiar)) this.#own.set(familiar, canonical)
    for (const name of [reference.path, canonical])
      if (name !== familiar) this.#others.set(name, (this.#others.get(name) ?? new Set()).add(canonical))
  }

  /** `registry` narrows to one, as clients of a mirror say it (`?ns=ghcr.io`). Undefined also where a path could mean several. */
  find(name: string, registry?: string): ServedRepository | undefined {
    if (registry !== undefined) return this.#byCanonical.get(`${registry}/${name}`) ?? this.find(name)
    const canonical = this.#own.get(name) ?? this.#onlyOther(name)
    return canonical === undefined ? undefined : this.#byCanonical.get(canonical)
  }

  /** One name for each repository that can be reached, sorted. */
  list(): string[] {
    const named = new Set(this.#own.values())
    const names = [...this.#own.keys()]
    for (const name of this.#others.keys()) {
      const canonical = this.#own.has(name) ? undefined : this.#onlyOther(name)
      if (canonical === undefined || named.has(canonical) || !isRepositoryName(name)) continue
      names.push(name)
      named.add(canonical)
    }
    return names.sort()
  }

  #onlyOther(name: string): string | undefined {
    const found = this.#others.get(name)
    return found?.size === 1 ? [...found][0] : undefined
  }
}
