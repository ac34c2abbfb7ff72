/** A file as an HTTP reply that no browser runs: attachment, its own type, sandboxed. */
import type { Readable } from 'node:stream'
import { Raw } from '../../http/mount.ts'
import { giveBack } from '../../store/blobs/give-back.ts'
import { baseName } from '../context/paths.ts'

/** The reply with a file's bytes, which are the reply's from now on; `more` adds headers, for example of a range. */
export function fileReply(
  file: { readonly path: string; readonly length: number; readonly stream: Readable },
  status = 200,
  more: Readonly<Record<string, string>> = {},
): Raw {
  const headers = {
    'content-type': contentType(file.path),
    'content-length': String(file.length),
    'content-disposition': disposition(baseName(file.path)),
    'content-security-policy': "sandbox; default-src 'none'",
    'x-content-type-options': 'nosniff',
    ...more,
  }
  return new Raw(status, headers, file.stream, giveBack)
}

/** A name that is one word of HTTP stands as it is; others in RFC 8187's form, beside one for readers that do not know it. */
function disposition(name: string): string {
  if (/^[\w!#$&+.^`|~-]+$/.test(name)) return `attachment; filename=${name}`
  const plain = name.replace(/[^\w .+()-]/g, '_')
  return `attachment; filename="${plain}"; filename*=UTF-8''${encodeURIComponent(name).replaceAll("'", '%27')}`
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
