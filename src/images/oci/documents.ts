/** The documents of the OCI image specification: descriptors, manifests, indexes and configurations, checked where they are read. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { ifJson } from '../../contract/absence/absent.ts'
import { problem } from '../../contract/errors.ts'

export const TYPES = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  empty: 'application/vnd.oci.empty.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
} as const

/** Largest document that is read: no manifest or configuration is larger. */
export const MOST_DOCUMENT = 4 * 1024 * 1024

export const DIGEST = /^sha256:[0-9a-f]{64}$/

const Digest = z.string().regex(DIGEST, 'expected sha256: and 64 hexadecimal digits')
const Texts = z.record(z.string(), z.string())

export const Platform = z.object({
  architecture: z.string().max(64),
  os: z.string().max(64),
  variant: z.string().max(64).optional(),
})
export type Platform = z.output<typeof Platform>

export const Descriptor = z.object({
  mediaType: z.string().max(255),
  digest: Digest,
  size: z.number().int().nonnegative(),
  annotations: Texts.optional(),
  platform: Platform.optional(),
  artifactType: z.string().max(255).optional(),
})
export type Descriptor = z.output<typeof Descriptor>

export const Manifest = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  config: Descriptor,
  layers: z.array(Descriptor).max(1000),
  subject: Descriptor.optional(),
  annotations: Texts.optional(),
})
export type Manifest = z.output<typeof Manifest>

export const Index = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  manifests: z.array(Descriptor).max(10_000),
  annotations: Texts.optional(),
})
export type Index = z.output<typeof Index>

const Texts1 = z.array(z.string()).nullish()

export const ImageConfig = z.object({
  created: z.string().optional(),
  architecture: z.string(),
  os: z.string(),
  variant: z.string().optional(),
  config: z
    .object({
      User: z.string().optional(),
      Env: Texts1,
      Entrypoint: Texts1,
      Cmd: Texts1,
      WorkingDir: z.string().optional(),
      Labels: Texts.nullish(),
      ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
      Volumes: z.record(z.string(), z.unknown()).nullish(),
      StopSignal: z.string().optional(),
    })
    .loose()
    .optional(),
  rootfs: z.object({ type: z.literal('layers'), diff_ids: z.array(Digest) }),
  history: z
    .array(
      z.object({
        created: z.string().optional(),
        created_by: z.string().optional(),
        empty_layer: z.boolean().optional(),
      }),
    )
    .nullish(),
})
export type ImageConfig = z.output<typeof ImageConfig>

/** Reads a document. Throws `unprocessable` that names what it is, the field and what was expected there. */
export function readDocument<T>(schema: z.ZodType<T>, bytes: Uint8Array, what: string): T {
  const value = ifJson(Buffer.from(bytes).toString('utf8'))
  if (value === undefined) throw problem('unprocessable', { detail: `${what} is no JSON` })
  const { success, data, error } = schema.safeParse(value)
  if (success) return data
  const [first] = error.issues
  const field = first?.path.join('.') ?? ''
  throw problem('unprocessable', { detail: `${what} is not as OCI has it: ${field}: ${first?.message}` })
}

/** A document as the bytes that its digest is of. */
export function documentBytes(value: object): Buffer {
  return Buffer.from(JSON.stringify(value))
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

export function isIndex(mediaType: string): boolean {
  return mediaType === TYPES.index || mediaType === TYPES.dockerList
}

/** `linux/amd64` or `linux/arm64/v8`. */
export function platformName({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/')
}
