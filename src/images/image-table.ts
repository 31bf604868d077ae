import type { Database, Schema } from '../database.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { canonicalName, parseReference, type Reference, repositoryName } from '../oci/reference.ts'

const SCHEMA: Schema = {
  room: 'images',
  migrations: [
    `CREATE TABLE images (id TEXT PRIMARY KEY, manifest TEXT NOT NULL, manifest_size INTEGER NOT NULL, diff_ids TEXT NOT NULL,
       blobs TEXT NOT NULL, last_tagged INTEGER) STRICT;
     CREATE TABLE image_names (name TEXT PRIMARY KEY, image TEXT NOT NULL REFERENCES images (id)) STRICT;
     CREATE INDEX image_names_image ON image_names (image);`,
    `ALTER TABLE images ADD COLUMN manifest_type TEXT NOT NULL DEFAULT 'application/vnd.oci.image.manifest.v1+json';
     ALTER TABLE image_names ADD COLUMN target TEXT;`,
  ],
}

export type ImageRow = {
  readonly id: Digest
  readonly manifest: Descriptor
  readonly diffIds: readonly Digest[]
  /** One per layer. */
  readonly blobs: readonly Descriptor[]
}

/** What a registry has under a name: a manifest, or an index with those of several platforms. Its blob is here. */
export type NameTarget = Descriptor & {
  /** The manifests that an index lists; undefined for a manifest. */
  readonly members?: readonly Descriptor[] | undefined
  /** What it lists beside images, with all that this consists of: attestations that were made here. Manifests come last. */
  readonly attachments?: readonly Descriptor[] | undefined
}

/** The blobs that are kept for a name alone. */
export const blobsOfTarget = (target: NameTarget | undefined): Digest[] =>
  target ? [target.digest, ...(target.attachments ?? []).map(({ digest }) => digest)] : []

export type NameRow = {
  readonly reference: Reference
  /** The image that is meant when no platform is asked for, and the host's is not here. */
  readonly image: Digest
  /** Undefined for names that were given here: then it is the image's own manifest. */
  readonly target: NameTarget | undefined
}

/** Which images there are and what they are called. Kept in memory beside the database: this process alone writes it. */
export class ImageTable {
  readonly #database: Database
  readonly #images = new Map<Digest, ImageRow>()
  readonly #byManifest = new Map<Digest, Digest>()
  readonly #lastTagged = new Map<Digest, number>()
  /** By canonical name, in the order in which Docker lists them. */
  readonly #names = new Map<string, NameRow>()

  constructor(database: Database) {
    this.#database = database
    database.migrate(SCHEMA)
    type Stored = {
      id: Digest
      manifest: Digest
      manifestSize: number
      manifestType: string
      diffIds: string
      blobs: string
      lastTagged: number | null
    }
    const rows = database.all<Stored>(
      `SELECT id, manifest, manifest_size AS manifestSize, manifest_type AS manifestType, diff_ids AS diffIds, blobs,
         last_tagged AS lastTagged FROM images`,
    )
    for (const row of rows) {
      this.#remember({
        id: row.id,
        manifest: { mediaType: row.manifestType, digest: row.manifest, size: row.manifestSize },
        diffIds: JSON.parse(row.diffIds),
        blobs: JSON.parse(row.blobs),
      })
      if (row.lastTagged !== null) this.#lastTagged.set(row.id, row.lastTagged)
    }
    for (const { name, image, target } of database.all<{ name: string; image: Digest; target: string | null }>(
      'SELECT name, image, target FROM image_names',
    )) {
      this.#names.set(name, {
        reference: parseReference(name),
        image,
        target: target === null ? undefined : JSON.parse(target),
      })
    }
  }

  image(id: Digest): ImageRow | undefined {
    return this.#images.get(id)
  }

  images(): ImageRow[] {
    return [...this.#images.values()]
  }

  ids(): Iterable<Digest> {
    return this.#images.keys()
  }

  /** Adds an image, or puts it in the place of the one with its id. */
  put(row: ImageRow): void {
    this.#database.run(
      `INSERT INTO images (id, manifest, manifest_size, manifest_type, diff_ids, blobs) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET manifest = excluded.manifest, manifest_size = excluded.manifest_size,
         manifest_type = excluded.manifest_type, diff_ids = excluded.diff_ids, blobs = excluded.blobs`,
      row.id,
      row.manifest.digest,
      row.manifest.size,
      row.manifest.mediaType,
      JSON.stringify(row.diffIds),
      JSON.stringify(row.blobs),
    )
    this.#forget(row.id)
    this.#remember(row)
  }

  /** Drops an image and its names; a name of several platforms stays with another of them. */
  drop(id: Digest): void {
    const names = [...this.#names].filter(([, row]) => row.image === id)
    const heirs = new Map(names.map(([name, row]) => [name, this.members(row).find(member => member !== id)]))
    this.#database.transaction(() => {
      for (const [name, heir] of heirs)
        if (heir) this.#database.run('UPDATE image_names SET image = ? WHERE name = ?', heir, name)
      this.#database.run('DELETE FROM image_names WHERE image = ?', id)
      this.#database.run('DELETE FROM images WHERE id = ?', id)
    })
    for (const [name, row] of names) {
      const heir = heirs.get(name)
      if (heir) this.#names.set(name, { ...row, image: heir })
      else this.#names.delete(name)
    }
    this.#forget(id)
    this.#lastTagged.delete(id)
  }

  /** What a name with a tag or digest stands for. */
  named(reference: Reference): NameRow | undefined {
    return this.#names.get(canonicalName(reference))
  }

  names(): NameRow[] {
    return [...this.#names.values()]
  }

  /** The images that a name stands for, one for each platform that is here: at least one. */
  members({ image, target }: NameRow): Digest[] {
    const others = (target?.members ?? []).flatMap(({ digest }) => this.#byManifest.get(digest) ?? [])
    return [...new Set([image, ...others])]
  }

  /** The image whose manifest this is. */
  imageOfManifest(manifest: Digest): Digest | undefined {
    return this.#byManifest.get(manifest)
  }

  /** An image's names, sorted; those with digests after those with tags. */
  namesOf(id: Digest): Reference[] {
    const found = this.names()
      .filter(row => row.image === id || (row.target?.members && this.members(row).includes(id)))
      .map(({ reference }) => reference)
    return found.sort((a, b) => (canonicalName(a) < canonicalName(b) ? -1 : 1))
  }

  /** The names that stand for this image and no other. */
  ownNamesOf(id: Digest): Reference[] {
    const isOwn = (row: NameRow): boolean => row.image === id && this.members(row).length === 1
    return this.names()
      .filter(isOwn)
      .map(({ reference }) => reference)
  }

  namesInRepository(repository: string): NameRow[] {
    return this.names().filter(({ reference }) => repositoryName(reference) === repository)
  }

  /** Digests of the blobs that names stand for in registries. */
  targets(): Digest[] {
    return this.names().flatMap(({ target }) => blobsOfTarget(target))
  }

  /** Gives names to an image, all or none, and takes them from the one that had them. */
  name(references: readonly Reference[], image: Digest, target?: NameTarget): void {
    const now = Date.now()
    this.#database.transaction(() => {
      for (const reference of references) {
        this.#database.run(
          'INSERT OR REPLACE INTO image_names (name, image, target) VALUES (?, ?, ?)',
          canonicalName(reference),
          image,
          target ? JSON.stringify(target) : null,
        )
      }
      this.#database.run('UPDATE images SET last_tagged = ? WHERE id = ?', now, image)
    })
    for (const reference of references) this.#names.set(canonicalName(reference), { reference, image, target })
    this.#lastTagged.set(image, now)
  }

  unname(reference: Reference): void {
    this.#database.run('DELETE FROM image_names WHERE name = ?', canonicalName(reference))
    this.#names.delete(canonicalName(reference))
  }

  /** Milliseconds since the epoch. */
  lastTagged(id: Digest): number | undefined {
    return this.#lastTagged.get(id)
  }

  #remember(row: ImageRow): void {
    this.#images.set(row.id, row)
    this.#byManifest.set(row.manifest.digest, row.id)
  }

  #forget(id: Digest): void {
    const row = this.#images.get(id)
    if (row && this.#byManifest.get(row.manifest.digest) === id) this.#byManifest.delete(row.manifest.digest)
    this.#images.delete(id)
  }
}
