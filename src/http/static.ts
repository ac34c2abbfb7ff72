/** Serves the built web UI from one folder: hashed assets are cached for good, every page path gets the shell. */
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { extname, join, normalize, sep } from 'node:path'
import { ifMissing } from '../contract/absence/absent.ts'
import { Raw } from './mount.ts'

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
  '.map': 'application/json',
}

/** The UI may load only its own files, and no other site may embed it in a frame. */
const CSP =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

/** Makes the file server for a folder; undefined for a path that is neither a file nor a page. */
export function staticFiles(folder: string): (path: string) => Promise<Raw | undefined> {
  return async (path) => {
    const wanted = safeJoin(folder, path)
    if (wanted === undefined) return undefined
    const asset = path.startsWith('/assets/')
    if (extname(wanted) !== '' && (await isFile(wanted))) return file(wanted, asset)
    // a page's path may end in a name with a dot, such as a model's
    if (asset) return undefined
    return shell(folder)
  }
}

function safeJoin(folder: string, path: string): string | undefined {
  let decoded: string
  try {
    decoded = decodeURIComponent(path)
  } catch {
    return undefined
  }
  if (decoded.includes('\0')) return undefined
  const full = normalize(join(folder, decoded))
  return full === folder || full.startsWith(folder + sep) ? full : undefined
}

async function isFile(path: string): Promise<boolean> {
  return (await ifMissing(stat(path)))?.isFile() === true
}

function file(path: string, hashed: boolean): Raw {
  const headers = {
    'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
    'cache-control': hashed ? 'public, max-age=31536000, immutable' : 'no-cache',
    'x-content-type-options': 'nosniff',
  }
  return new Raw(200, headers, createReadStream(path))
}

async function shell(folder: string): Promise<Raw | undefined> {
  const html = await ifMissing(readFile(join(folder, 'index.html')))
  if (html === undefined) return undefined
  return new Raw(
    200,
    { 'content-type': TYPES['.html'] ?? '', 'cache-control': 'no-cache', 'content-security-policy': CSP },
    html,
  )
}
