/** How layers are compressed: gzip, which every client knows, or zstd, which is smaller and whose bytes depend on its version alone. */
import type { Transform } from 'node:stream'
import zlib from 'node:zlib'

export const COMPRESSIONS = ['gzip', 'zstd'] as const
export type Compression = (typeof COMPRESSIONS)[number]

/** What the Node that Slipway brings compresses with. Other versions may compress to other bytes. */
const VERSIONS: Readonly<Record<Compression, readonly [library: string, version: string]>> = {
  gzip: ['zlib', '1.3.2.1-motley-8002e91'],
  zstd: ['zstd', '1.5.7'],
}

/** What to tell the user where this Node compresses with something else than the one that Slipway brings; undefined where it does not. */
export function otherCompressor(compression: Compression, versions = process.versions): string | undefined {
  const [library, version] = VERSIONS[compression]
  const found = versions[library]
  return found === version
    ? undefined
    : `this Node has ${library} ${found} in place of ${version}; digests may be others than elsewhere`
}

export const LAYER_TYPES: Readonly<Record<Compression, string>> = {
  zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
}

/** A stream that compresses; no time is written. What gzip's bytes are also depends on the zlib in Node, and on the processor. */
export function compressor(compression: Compression): Transform {
  if (compression === 'zstd')
    return zlib.createZstdCompress({ params: { [zlib.constants.ZSTD_c_compressionLevel]: 10 } })
  return zlib.createGzip({ level: 6 })
}

/** A stream that undoes it, by the media type of a layer; undefined for a type that is not known. */
export function decompressor(mediaType: string): Transform | 'none' | undefined {
  if (/[.+]zstd$/.test(mediaType)) return zlib.createZstdDecompress()
  if (/[.+]gzip$/.test(mediaType)) return zlib.createGunzip()
  return mediaType.endsWith('.tar') ? 'none' : undefined
}

/** What makes layers of a kind: kept ones are taken only where it is the same. */
export function compressionName(compression: Compression): string {
  return `${compression}-${compression === 'zstd' ? `${process.versions['zstd']}-10` : `${process.versions.zlib}-6`}`
}
