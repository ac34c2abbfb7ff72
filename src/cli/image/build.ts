/** `slipway image build`: an OCI image of a model that answers, or of a project whose steps run, without a daemon. */
import { resolve } from 'node:path'
import type { BaseKind } from '../../images/base/pins.ts'
import { defaultBase, imageBase, layoutBase } from '../../images/build/base.ts'
import type { FoundBase } from '../../images/build/base.ts'
import { composeImage, composeIndex } from '../../images/build/compose.ts'
import { platformName } from '../../images/oci/documents.ts'
import type { Descriptor, Platform } from '../../images/oci/documents.ts'
import { parseReference, referenceText } from '../../images/oci/reference.ts'
import type { RemoteImage } from '../../images/remote/image.ts'
import { complete } from '../../images/remote/transfer.ts'
import { UsageError, text } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { attest } from './attest.ts'
import { deliver, destinationsOf } from './deliver.ts'
import { epochOf, imageMaker, platformsOf } from './maker.ts'
import type { ImageMaker } from './maker.ts'
import { modelRecipe } from './model-recipe.ts'
import { controlRecipe, followerRecipe } from './own-recipe.ts'
import type { Recipe } from './recipe.ts'
import { registries } from './registries.ts'
import type { OpenRemote } from './registries.ts'
import { projectRecipe } from './docker-recipe.ts'

export async function build(invocation: Invocation): Promise<number> {
  const [, subject] = invocation.args
  const purpose = text(invocation, 'for') ?? 'serve'
  const destinations = destinationsOf(invocation)
  const open = registries()
  const lenders: RemoteImage[] = []
  const platforms = platformsOf(invocation)
  const epoch = epochOf()
  const maker = imageMaker(invocation)
  const recipe = await recipeOf(invocation, maker, purpose, subject)
  const images: Descriptor[] = []
  for (const platform of platforms) {
    const base = await (recipe.ownBase?.(platform) ??
      baseFor(invocation, maker, recipe.base, { platform, open, lenders }))
    const { layers, run, labels } = await recipe.layers(base, platform)
    const all = { ...recipe.labels, ...labels }
    const parts = { base: base.base, layers: [...base.layers, ...layers], run, labels: all, epoch, platform }
    images.push(await composeImage(maker.blobs, parts))
  }
  const [only] = images
  const root = images.length === 1 && only !== undefined ? only : await composeIndex(maker.blobs, images)
  const places: string[] = []
  for (const destination of destinations) {
    const { to, moved } = await deliver({ blobs: maker.blobs, root, lenders }, destination, open, maker.say)
    places.push(to)
    invocation.out.line(`${to}: ${recipe.name} for ${platforms.map(platformName).join(', ')}`)
    if (moved !== undefined)
      invocation.out.line(`${moved.sent} blobs sent, ${moved.mounted} mounted, ${moved.there} were there`)
  }
  if (invocation.flags['attest'] === true) {
    await complete(maker.blobs, root, lenders, maker.say)
    for (const place of destinations)
      await attest(maker.blobs, images, { place, name: recipe.name, open, hosts: maker.hosts })
    invocation.out.line('its SBOM and provenance are attached')
  }
  invocation.out.data({ name: recipe.name, digest: root.digest, to: places, platforms: platforms.map(platformName) })
  invocation.out.line(root.digest)
  return 0
}

function recipeOf(
  invocation: Invocation,
  maker: ImageMaker,
  purpose: string,
  subject: string | undefined,
): Promise<Recipe> {
  if (purpose === 'step') return projectRecipe(invocation, maker, resolve(subject ?? '.'))
  if (text(invocation, 'builder') !== undefined && text(invocation, 'builder') !== 'native')
    throw new UsageError(`--builder builds the Dockerfile of a project, and goes with --for step`)
  if (purpose === 'control') return controlRecipe(maker)
  if (purpose === 'gateway') return followerRecipe(maker)
  if (purpose !== 'serve' && purpose !== 'batch')
    throw new UsageError(`--for is "${purpose}"; expected serve, batch, step, control or gateway`)
  if (invocation.flags['registered'] === true) return modelRecipe(invocation, maker, purpose, subject ?? '.')
  if (subject === undefined)
    throw new UsageError(`image build --for ${purpose} needs a model: slipway image build flight-delay`)
  return modelRecipe(invocation, maker, purpose, subject)
}

export interface BaseQuery {
  readonly platform: Platform
  readonly open: OpenRemote
  /** Gets the image in a registry whose layers are needed. */
  readonly lenders: RemoteImage[]
}

export async function baseFor(
  invocation: Invocation,
  maker: ImageMaker,
  kind: BaseKind,
  { platform, open, lenders }: BaseQuery,
): Promise<FoundBase> {
  const given = text(invocation, 'base')
  if (given === undefined) return defaultBase(maker, kind, maker.mirror, platform)
  const reference = parseReference(given, '--base')
  if (reference.kind === 'layout') return layoutBase(maker.blobs, reference, platform)
  const image = open(reference)
  const root = await image.resolve()
  const { tag, digest } = reference
  const now =
    tag === undefined || digest === undefined ? undefined : await open({ ...reference, digest: undefined }).find()
  if (now !== undefined && now.digest !== digest)
    maker.say(
      `note: the base has moved: ${reference.repository}:${tag} is ${now.digest} by now; it is built on ${digest}`,
    )
  lenders.push(image)
  return imageBase(image, root, platform, referenceText(reference))
}
