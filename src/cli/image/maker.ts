/** What the image commands share: the cache, the network, the clock that an image says it was made at, and the platforms that are asked for. */
import { join } from 'node:path'
import { defaultCacheFolder } from '../../envs/cache-folder.ts'
import { COMPRESSIONS, otherCompressor } from '../../images/layers/compression.ts'
import type { Compression } from '../../images/layers/compression.ts'
import type { LayerMaker } from '../../images/layers/layer.ts'
import { BlobFolder } from '../../images/oci/blobs.ts'
import type { Platform } from '../../images/oci/documents.ts'
import type { Fetching } from '../../images/parts/fetched.ts'
import { config } from '../invocation/config.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { packageSources, type PackageSources } from './sources.ts'

/** The checkout that this program runs from. */
export const CHECKOUT = join(import.meta.dirname, '../../..')

export interface ImageMaker extends LayerMaker, Fetching {
  readonly cacheFolder: string
  readonly offline: boolean
  readonly mirror: string
  readonly npmRegistry: string
  /** Whose hosts packages come from, by kind. */
  readonly hosts: PackageSources['hosts']
}

/** What makes layers, with the cache of this user. */
export function imageMaker(invocation: Invocation): ImageMaker {
  const cacheFolder = config('SLIPWAY_CACHE') ?? defaultCacheFolder()
  const offline = config('SLIPWAY_OFFLINE') === '1'
  const sources = packageSources()
  const say = (line: string): void => invocation.out.progress(line)
  const compression = compressionOf(invocation)
  const other = otherCompressor(compression)
  if (other !== undefined) say(`note: ${other}`)
  return {
    blobs: new BlobFolder(join(cacheFolder, 'images')),
    compression,
    ...sources,
    fetch: offline ? undefined : sources.fetch,
    say,
    cacheFolder,
    offline,
  }
}

function compressionOf(invocation: Invocation): Compression {
  const given = text(invocation, 'compression') ?? 'gzip'
  const found = COMPRESSIONS.find((one) => one === given)
  if (found === undefined) throw new UsageError(`--compression is "${given}"; expected ${COMPRESSIONS.join(' or ')}`)
  return found
}

/** The platforms of --platform; that of this machine, as a Linux, without one. */
export function platformsOf(invocation: Invocation): Platform[] {
  const given = invocation.flags['platform']
  const names = Array.isArray(given) && given.length > 0 ? (given as string[]) : [`linux/${ownArchitecture()}`]
  return [...new Set(names.flatMap((one) => one.split(',')))].map((name) => {
    const [os = '', architecture = '', ...more] = name.split('/')
    if (os !== 'linux' || !['amd64', 'arm64'].includes(architecture) || more.length > 0)
      throw new UsageError(`--platform is "${name}"; expected linux/amd64 or linux/arm64`)
    return { architecture, os }
  })
}

function ownArchitecture(): string {
  return process.arch === 'arm64' ? 'arm64' : 'amd64'
}

/** SOURCE_DATE_EPOCH, else 0: the only time that is in an image. */
export function epochOf(env: Readonly<Record<string, string | undefined>> = process.env): number {
  const given = env['SOURCE_DATE_EPOCH'] ?? ''
  if (given === '') return 0
  if (!/^\d{1,11}$/.test(given)) throw new UsageError(`SOURCE_DATE_EPOCH is "${given}"; expected seconds since 1970`)
  return Number(given)
}
