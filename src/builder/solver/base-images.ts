import { invalidArgument, notFound } from '../../errdefs.ts'
import { processorVariant } from '../../host/processor-variant.ts'
import { formatPlatform, hostPlatform, type Platform, platformDistance, samePlatform } from '../../oci/platform.ts'
import { canonicalName, familiarName, parseReference, type Reference, withDefaultTag } from '../../oci/reference.ts'
import type { BaseImage, Credentials, ImageStore, StepTold } from './engine-parts.ts'

export type BaseImagesOptions = {
  /** Registries are asked also for what is here. */
  readonly pull: boolean
  /** Undefined: as nobody in particular. */
  readonly credentials: (reference: Reference) => Credentials | undefined
}

export type Wanted = {
  /** What FROM or COPY --from names: a reference, an id or its start. */
  readonly name: string
  /** As it was asked for; undefined: nobody asked. */
  readonly platform: Platform | undefined
  /** What comes when nobody asked. */
  readonly near?: Platform
}

type Told = Pick<StepTold, 'onPull' | 'onWarning'>

/** The images that one build stands on: found here, or brought from their registries, each at most once. */
export class BaseImages {
  readonly #images: ImageStore
  readonly #options: BaseImagesOptions
  readonly #pulls = new Map<string, Promise<void>>()

  constructor(images: ImageStore, options: BaseImagesOptions) {
    this.#images = images
    this.#options = options
  }

  /**
   * What `pull` of the images throws; NotFound for an id that is not here; InvalidArgument when `name` can be no name, or for
   * another operating system's image.
   */
  async get(wanted: Wanted, told: Told, signal: AbortSignal): Promise<BaseImage> {
    const image = this.#here(wanted) ?? (await this.#bring(wanted, told, signal))
    const { os } = image.platform
    if (os !== hostPlatform().os) {
      throw invalidArgument(
        `image operating system "${os}" cannot be used on this platform: operating system is not supported`,
      )
    }
    this.#warn(wanted, image, told)
    return image
  }

  #here({ name, platform, near }: Wanted): BaseImage | undefined {
    // A whole id means this very image, whatever it is for, and no registry knows it.
    if (/^(?:sha256:)?[0-9a-f]{64}$/.test(name)) {
      const image = this.#images.find(name)
      if (!image) throw notFound(`No such image: ${name}`)
      return image
    }
    if (this.#options.pull) return undefined
    const preferred = platform ?? near
    const found = preferred && this.#images.find(name, preferred)
    return found ?? (platform ? undefined : this.#images.find(name))
  }

  async #bring({ name, platform, near }: Wanted, { onPull }: Told, signal: AbortSignal): Promise<BaseImage> {
    const reference = withDefaultTag(parseReference(name))
    const asked = platform ?? near
    const key = `${canonicalName(reference)} ${formatPlatform(asked ?? hostPlatform())}`
    let pull = this.#pulls.get(key)
    if (!pull) {
      const credentials = this.#options.credentials(reference)
      pull = this.#images.pull(reference, { platform: asked, credentials, onMessage: onPull, signal })
      this.#pulls.set(key, pull)
    }
    await pull
    // A registry may have but one image under a name, whatever it is for.
    const image = this.#images.find(name, asked) ?? this.#images.find(name)
    if (!image) throw notFound(`No such image: ${familiarName(reference)}`)
    return image
  }

  /** Nothing of another platform is used in silence. */
  #warn({ platform, near }: Wanted, image: BaseImage, { onWarning }: Told): void {
    const host = hostPlatform(processorVariant())
    const asked = platform ?? (near && !samePlatform(near, hostPlatform()) ? near : undefined)
    if (platformDistance(asked ?? host, image.platform) !== undefined) return
    const found = `The requested image's platform (${formatPlatform(image.platform)}) does not match`
    onWarning(
      asked
        ? `${found} the specified platform (${formatPlatform(asked)})`
        : `${found} the detected host platform (${formatPlatform(host)}) and no specific platform was requested`,
    )
  }
}
