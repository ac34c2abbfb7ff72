/** Joins a base, layers and settings to an image: its configuration and its manifest, whose bytes are the same for the same parts. */
import type { BlobFolder } from '../oci/blobs.ts'
import { documentBytes, TYPES } from '../oci/documents.ts'
import type { Descriptor, ImageConfig, Index, Manifest, Platform } from '../oci/documents.ts'
import type { Layer } from '../layers/layer.ts'

/** What an image is built on. */
export interface Base {
  /** Null of the default base, whose layer is the first of the image's own. */
  readonly config: ImageConfig | null
  readonly layers: readonly Descriptor[]
  /** Name and digest of the base for the labels. */
  readonly name: string
  readonly digest: string | undefined
}

/** How the image is run. */
export interface RunSettings {
  readonly entrypoint: readonly string[]
  readonly command?: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly user: string
  readonly workingDir: string
  readonly ports?: readonly number[]
  readonly volumes?: readonly string[]
  /** A command that tells whether it is well, for engines that ask. */
  readonly healthcheck?: readonly string[]
}

export interface ImageParts {
  readonly base: Base
  readonly layers: readonly Layer[]
  readonly run: RunSettings
  readonly labels: Readonly<Record<string, string>>
  /** Seconds since 1970 that the image says it was made at: SOURCE_DATE_EPOCH, else 0. */
  readonly epoch: number
  readonly platform: Platform
}

/** Keeps configuration and manifest among the blobs and returns the manifest's descriptor. */
export async function composeImage(blobs: BlobFolder, parts: ImageParts): Promise<Descriptor> {
  const config = documentBytes(configOf(parts))
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: TYPES.manifest,
    config: { mediaType: TYPES.config, digest: await blobs.put(config), size: config.length },
    layers: [...parts.base.layers, ...parts.layers.map(({ descriptor }) => descriptor)],
    annotations: sortedTexts({
      ...(parts.base.digest !== undefined && {
        'org.opencontainers.image.base.digest': parts.base.digest,
        'org.opencontainers.image.base.name': parts.base.name,
      }),
      ...parts.labels,
    }),
  }
  const bytes = documentBytes(manifest)
  return { mediaType: TYPES.manifest, digest: await blobs.put(bytes), size: bytes.length, platform: parts.platform }
}

/** Keeps an index of the images of several platforms, sorted by platform. */
export async function composeIndex(blobs: BlobFolder, images: readonly Descriptor[]): Promise<Descriptor> {
  const index: Index = {
    schemaVersion: 2,
    mediaType: TYPES.index,
    manifests: images.toSorted((a, b) => (platformKey(a) < platformKey(b) ? -1 : 1)),
  }
  const bytes = documentBytes(index)
  return { mediaType: TYPES.index, digest: await blobs.put(bytes), size: bytes.length }
}

function platformKey({ platform }: Descriptor): string {
  return JSON.stringify(platform)
}

function configOf({ base, layers, run, labels, epoch, platform }: ImageParts): ImageConfig {
  const created = new Date(epoch * 1000).toISOString().replace('.000Z', 'Z')
  const before = base.config?.config
  const beforeEnv = Object.fromEntries((before?.Env ?? []).map((one) => splitOnce(one)))
  const env = sortedTexts({ ...beforeEnv, ...run.env })
  return {
    created,
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.variant !== undefined && { variant: platform.variant }),
    config: {
      User: run.user,
      ...(run.ports !== undefined && {
        ExposedPorts: Object.fromEntries(run.ports.map((port) => [`${port}/tcp`, {}])),
      }),
      Env: Object.entries(env).map(([key, value]) => `${key}=${value}`),
      Entrypoint: [...run.entrypoint],
      ...(run.command !== undefined && { Cmd: [...run.command] }),
      ...(run.volumes !== undefined && { Volumes: Object.fromEntries(run.volumes.map((path) => [path, {}])) }),
      WorkingDir: run.workingDir,
      Labels: sortedTexts({ ...before?.Labels, ...labels }),
      StopSignal: 'SIGTERM',
      ...(run.healthcheck !== undefined && {
        // a model in Python may take minutes to load
        Healthcheck: {
          Test: ['CMD', ...run.healthcheck],
          Interval: 10e9,
          Timeout: 5e9,
          StartPeriod: 300e9,
          Retries: 3,
        },
      }),
    },
    rootfs: {
      type: 'layers',
      diff_ids: [...(base.config?.rootfs.diff_ids ?? []), ...layers.map(({ diffId }) => diffId)],
    },
    history: [
      ...(base.config?.history ?? []),
      ...layers.map(({ comment }) => ({ created, created_by: `slipway image build: ${comment}` })),
    ],
  }
}

function splitOnce(text: string): [string, string] {
  const at = text.indexOf('=')
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

function sortedTexts(texts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
