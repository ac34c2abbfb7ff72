/** What two images differ in: which layers, which packages, which files, which settings. */
import type { ImageConfig, Manifest } from '../oci/documents.ts'
import type { Descriptor } from '../oci/documents.ts'
import { layerContents } from './contents.ts'
import type { BlobSource, Contents } from './contents.ts'

/** An image of one platform, opened. */
export interface OpenImage {
  readonly digest: string
  readonly manifest: Manifest
  readonly config: ImageConfig
  readonly blobs: BlobSource
}

export interface PackageChange {
  readonly name: string
  /** Null where it came or went. */
  readonly before: string | null
  readonly after: string | null
}

export interface LayerChange {
  /** What the layer is for, as its history says. */
  readonly layer: string
  readonly before: string | null
  readonly after: string | null
  readonly packages: readonly PackageChange[]
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly changed: readonly string[]
}

export interface Difference {
  readonly same: boolean
  readonly same_layers: number
  readonly layers: readonly LayerChange[]
  /** Settings of the configuration that differ, as `Env.PATH`. */
  readonly settings: readonly PackageChange[]
}

/** A layer with its place in the image. */
interface Placed {
  readonly name: string
  readonly descriptor: Descriptor
  readonly diffId: string
}

/** Compares two images; layers that both have are not read. */
export async function difference(a: OpenImage, b: OpenImage): Promise<Difference> {
  const [before, after] = [placed(a), placed(b)]
  const [inA, inB] = [new Set(before.map(({ diffId }) => diffId)), new Set(after.map(({ diffId }) => diffId))]
  const gone = before.filter(({ diffId }) => !inB.has(diffId))
  const come = after.filter(({ diffId }) => !inA.has(diffId))
  const layers: LayerChange[] = []
  for (const [old, fresh] of pairs(gone, come)) {
    const left = old === undefined ? EMPTY : await layerContents(a.blobs, old.descriptor)
    const right = fresh === undefined ? EMPTY : await layerContents(b.blobs, fresh.descriptor)
    layers.push({
      layer: (fresh ?? old)?.name ?? '',
      before: old?.descriptor.digest ?? null,
      after: fresh?.descriptor.digest ?? null,
      packages: changes(left.packages, right.packages),
      ...fileChanges(left, right),
    })
  }
  const settings = changes(settingsOf(a.config), settingsOf(b.config))
  return {
    same: a.digest === b.digest,
    same_layers: before.length - gone.length,
    layers,
    settings,
  }
}

const EMPTY: Contents = { files: new Map(), packages: new Map(), about: new Map(), diffId: '' }

function placed({ manifest, config }: OpenImage): Placed[] {
  const told = (config.history ?? []).filter((one) => one.empty_layer !== true)
  return manifest.layers.map((descriptor, i) => ({
    name: told[i]?.created_by ?? `layer ${i + 1}`,
    descriptor,
    diffId: config.rootfs.diff_ids[i] ?? descriptor.digest,
  }))
}

/** Layers that stand for each other: those of the same purpose, else in their order. */
function pairs(gone: readonly Placed[], come: readonly Placed[]): [Placed | undefined, Placed | undefined][] {
  const left = [...gone]
  const named = come.map((fresh): [Placed | undefined, Placed] => {
    const at = left.findIndex(({ name }) => name === fresh.name)
    return [at < 0 ? undefined : left.splice(at, 1)[0], fresh]
  })
  const ordered = named.map(([old, fresh]): [Placed | undefined, Placed] => [old ?? left.shift(), fresh])
  return [...ordered, ...left.map((old): [Placed, undefined] => [old, undefined])]
}

function changes(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): PackageChange[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .toSorted()
    .map((name) => ({ name, before: before.get(name) ?? null, after: after.get(name) ?? null }))
    .filter((one) => one.before !== one.after)
}

function fileChanges(
  { files: before }: Contents,
  { files: after }: Contents,
): Pick<LayerChange, 'added' | 'removed' | 'changed'> {
  const differing = changes(before, after)
  const names = (wanted: (one: PackageChange) => boolean): string[] => differing.filter(wanted).map(({ name }) => name)
  return {
    added: names((one) => one.before === null),
    removed: names((one) => one.after === null),
    changed: names((one) => one.before !== null && one.after !== null),
  }
}

function settingsOf({ config = {}, architecture, os, created = '' }: ImageConfig): Map<string, string> {
  const env = (config.Env ?? []).map((one): [string, string] => {
    const at = Math.max(0, one.indexOf('='))
    return [`Env.${one.slice(0, at)}`, one.slice(at + 1)]
  })
  const labels = Object.entries(config.Labels ?? {}).map(([key, value]): [string, string] => [`Labels.${key}`, value])
  const plain = ['User', 'Entrypoint', 'Cmd', 'WorkingDir', 'ExposedPorts', 'Volumes', 'StopSignal'] as const
  const others = plain.flatMap((key): [string, string][] =>
    config[key] === undefined || config[key] === null ? [] : [[key, JSON.stringify(config[key])]],
  )
  return new Map([['platform', `${os}/${architecture}`], ['created', created], ...others, ...env, ...labels])
}
