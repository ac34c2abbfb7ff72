/** A file of a run as an HTTP reply: an attachment of its own type. */
import type { Readable } from 'node:stream'
import { attachmentHeaders } from '../../http/attachment.ts'
import { Raw } from '../../http/mount.ts'
import { giveBack } from '../../store/blobs/give-back.ts'
import { baseName } from '../context/paths.ts'

/** The reply with a file's bytes, which are the reply's from now on; `more` adds headers, for example of a range. */
export function fileReply(
  file: { readonly path: string; readonly length: number; readonly stream: Readable },
  status = 200,
  more: Readonly<Record<string, string>> = {},
): Raw {
  const headers = { ...attachmentHeaders(file.path, { type: contentType(file.path), size: file.length }), ...more }
  return new Raw(status, headers, file.stream, giveBack)
}

const TYPES: Readonly<Record<string, string>> = {
  txt: 'text/plain',
  log: 'text/plain',
  md: 'text/plain',
  yaml: 'text/plain',
  yml: 'text/plain',
  py: 'text/plain',
  csv: 'text/csv',
  html: 'text/html',
  json: 'application/json',
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  svg: 'image/svg+xml',
  pdf: 'application/pdf',
}

function contentType(path: string): string {
  const name = baseName(path).toLowerCase()
  if (name === 'mlmodel' || name === 'mlproject') return 'text/plain'
  return TYPES[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream'
}
