/** Paths of artifacts: what a caller may name, and whose tree a path lies in. */
import { invalid } from '../../mlflow/wire.ts'

/** Where an artifact is: the owner is what stands before `/artifacts/`, for example `1/<run id>`; '' = nobody's. */
export interface ArtifactPlace {
  readonly owner: string
  /** Relative to the owner's tree; '' = its root. */
  readonly path: string
}

/** Rounds of percent-decoding after which a path is refused as hostile. */
const MOST_ROUNDS = 10

/** Longest path in bytes; it is part of an index entry, which PostgreSQL bounds to about 2700. */
const LONGEST = 2000

/**
 * Checks a relative path, in the given form and in every percent-decoded one: no `..`, no absolute path, backslash, `#`,
 * drive letter, URI scheme or control character. Returns it without empty and `.` parts. Throws "Invalid path".
 */
export function safePath(given: string): string {
  let form = given
  for (let round = 0; ; round++) {
    if (round > MOST_ROUNDS || !isSafe(form)) throw invalid('Invalid path')
    const next = decoded(form)
    if (next === form) break
    form = next
  }
  return parts(given).join('/')
}

/** Splits a checked path at its first part named `artifacts`. */
export function placeOf(path: string): ArtifactPlace {
  const segments = parts(path)
  const at = segments.indexOf('artifacts')
  if (at <= 0) return { owner: '', path: segments.join('/') }
  return { owner: segments.slice(0, at).join('/'), path: segments.slice(at + 1).join('/') }
}

/** The place that a proxied artifact URI names; undefined for a location outside the server. */
export function placeOfUri(uri: string): ArtifactPlace | undefined {
  const match = /^mlflow-artifacts:(?:\/\/[^/]*)?\/*(.*)$/.exec(uri)
  return match === null ? undefined : placeOf(match[1] ?? '')
}

/** The last part of a path, for either kind of separator. */
export function baseName(path: string): string {
  return path.split(/[/\\]/).at(-1) ?? ''
}

/** Percent-decoded until nothing changes, malformed escapes as they are; undefined when that does not end. */
export function fullyDecoded(text: string): string | undefined {
  let form = text
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const next = form.replace(/(%[0-9a-f]{2})+/gi, decoded)
    if (next === form) return form
    form = next
  }
  return undefined
}

function parts(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.')
}

function isSafe(path: string): boolean {
  if (Buffer.byteLength(path) > LONGEST || path.startsWith('/') || /[#\\]/.test(path) || hasControl(path)) return false
  if (/^[A-Za-z]:/.test(path) || /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(path) || /^file:/i.test(path)) return false
  return !path.split('/').includes('..')
}

function hasControl(path: string): boolean {
  for (let at = 0; at < path.length; at++) {
    const code = path.charCodeAt(at)
    if (code < 32 || code === 127) return true
  }
  return false
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
