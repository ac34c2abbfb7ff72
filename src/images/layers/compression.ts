/** How layers are compressed: zstd, which gives the same bytes on every processor, or gzip for clients that know no other. */
import type { Transform } from 'node:stream'
import zlib from 'node:zlib'

export const COMPRESSIONS = ['zstd', 'gzip'] as const
export type Compression = (typeof COMPRESSIONS)[number]

/** The zstd of the Node that Slipway brings. Another version may compress to other bytes. */
export const ZSTD_VERSION = '1.5.7'

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
