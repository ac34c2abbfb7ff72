/** Where pictures and documents come from, in the forms that dialects know: data URLs, addresses, media types, file formats. */
import type { Source } from './hub.ts'

/** Source of an address: a base64 data URL is taken apart, another address stays one. */
export function sourceOf(url: string): Source {
  const match = /^data:([^;,]*)(?:;[^;,]*)*;base64,/i.exec(url.slice(0, 256))
  if (match === null) return { kind: 'url', url }
  return { kind: 'base64', media: match[1] || 'application/octet-stream', data: url.slice(match[0].length) }
}

/** Data URL of bytes, or the address itself. */
export function urlOf(source: Source): string {
  if (source.kind === 'url') return source.url
  if (source.kind === 'base64') return `data:${source.media};base64,${source.data}`
  return `data:text/plain;base64,${Buffer.from(source.text).toString('base64')}`
}

const MEDIA: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  pdf: 'application/pdf',
  csv: 'text/csv',
  doc: 'application/msword',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  xls: 'application/vnd.ms-excel',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  html: 'text/html',
  txt: 'text/plain',
  md: 'text/markdown',
  wav: 'audio/wav',
  mp3: 'audio/mpeg',
}

/** Media type by the ending of an address or file name. */
export function mediaOfName(name: string): string | undefined {
  const ending = /\.(\w+)(?:[?#]|$)/.exec(name)?.[1]?.toLowerCase() ?? ''
  return Object.hasOwn(MEDIA, ending) ? MEDIA[ending] : undefined
}

/** Ending of files of a media type; undefined for one that is not known here. */
export function formatOf(media: string): string | undefined {
  const plain = media.split(';')[0]?.trim().toLowerCase()
  if (plain === 'image/jpeg') return 'jpeg'
  return Object.keys(MEDIA).find((ending) => MEDIA[ending] === plain)
}
