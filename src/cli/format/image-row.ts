import type { ImageSummary } from '../../api/image.ts'
import { Row } from '../template/value.ts'
import { ago, goTime, humanSize, shortId } from './units.ts'

export const IMAGE_HEADERS = {
  ID: 'IMAGE ID',
  Repository: 'REPOSITORY',
  Tag: 'TAG',
  Digest: 'DIGEST',
  CreatedSince: 'CREATED',
  CreatedAt: 'CREATED AT',
  Size: 'SIZE',
  Containers: 'CONTAINERS',
  VirtualSize: 'SIZE',
  SharedSize: 'SHARED SIZE',
  UniqueSize: 'UNIQUE SIZE',
}

type Named = { readonly repository: string; readonly tag: string; readonly digest: string }

const NONE = '<none>'

/** One row for each name of an image: a tag, a digest that has no tag, or neither. */
export const imageRows = (
  image: ImageSummary,
  options: { trunc: boolean; digests: boolean },
  now = Date.now() / 1000,
): Row[] => namesOf(image, options.digests).map(named => rowOf(image, named, options.trunc, now))

/** One row an image, under its first tag: where space is counted, an image counts once. */
export const imageUsageRow = (image: ImageSummary, trunc: boolean, now = Date.now() / 1000): Row => {
  const [first = `${NONE}:${NONE}`] = image.RepoTags ?? []
  const colon = first.lastIndexOf(':')
  return rowOf(image, { repository: first.slice(0, colon), tag: first.slice(colon + 1), digest: '' }, trunc, now)
}

const rowOf = (image: ImageSummary, { repository, tag, digest }: Named, trunc: boolean, now: number): Row => {
  const known = (size: number): boolean => size !== -1 && size !== undefined
  return new Row('*formatter.imageContext', {
    ID: () => (trunc ? shortId(image.Id) : image.Id),
    Repository: () => repository,
    Tag: () => tag,
    Digest: () => digest,
    CreatedSince: () => (image.Created === 0 ? 'N/A' : ago(image.Created, now)),
    CreatedAt: () => goTime(image.Created),
    Size: () => humanSize(image.Size, 3),
    Containers: () => (known(image.Containers) ? String(image.Containers) : 'N/A'),
    VirtualSize: () => humanSize(image.Size),
    SharedSize: () => (known(image.SharedSize) ? humanSize(image.SharedSize) : 'N/A'),
    UniqueSize: () => (known(image.SharedSize) ? humanSize(image.Size - image.SharedSize) : 'N/A'),
  })
}

const namesOf = (image: ImageSummary, digests: boolean): Named[] => {
  const tags = (image.RepoTags ?? []).filter(name => name !== '<none>:<none>')
  const byDigest = (image.RepoDigests ?? []).filter(name => name !== '<none>@<none>')
  const named: Named[] = []
  const repositories = new Set<string>()
  for (const name of tags) {
    const colon = name.lastIndexOf(':')
    const repository = name.slice(0, colon)
    repositories.add(repository)
    const tag = name.slice(colon + 1)
    const own = byDigest
      .filter(entry => entry.startsWith(`${repository}@`))
      .map(entry => entry.slice(repository.length + 1))
    for (const digest of digests && own.length > 0 ? own : [NONE]) named.push({ repository, tag, digest })
  }
  for (const entry of byDigest) {
    const at = entry.indexOf('@')
    const repository = entry.slice(0, at)
    if (!repositories.has(repository)) named.push({ repository, tag: NONE, digest: entry.slice(at + 1) })
  }
  return named.length > 0 ? named : [{ repository: NONE, tag: NONE, digest: NONE }]
}
