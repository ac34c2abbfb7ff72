/** What an image is made of, whatever it is for. */
import type { UvOptions } from '../../envs/uv.ts'
import type { FoundBase } from '../../images/build/base.ts'
import type { BaseKind } from '../../images/base/pins.ts'
import type { RunSettings } from '../../images/build/compose.ts'
import type { Layer } from '../../images/layers/layer.ts'
import type { Platform } from '../../images/oci/documents.ts'
import type { ImageMaker } from './maker.ts'

/** What an image is made of on any platform, and how its layers are made for one. */
export interface Recipe {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly base: BaseKind
  /** Makes what it is built on where that is no base of another: the image of a Dockerfile. */
  readonly ownBase?: (platform: Platform) => Promise<FoundBase>
  readonly layers: (base: FoundBase, platform: Platform) => Promise<PlatformPart>
}

export interface PlatformPart {
  readonly layers: readonly Layer[]
  readonly run: RunSettings
  /** Labels that only the layers tell. */
  readonly labels?: Readonly<Record<string, string>>
}

/** uv as images use it: nothing of a package is run. */
export function uvOf({ cacheFolder, offline, say }: ImageMaker): UvOptions {
  return { cacheFolder, offline, plan: null, say }
}

/** Newest C library that wheels may ask for on a base. */
export function glibcOf({ base }: FoundBase): string {
  return base.config === null ? '2_36' : '2_28'
}
