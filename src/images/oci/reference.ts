/** Names of images: `layout:FOLDER[:TAG]` on this machine, or `HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]` in a registry. */
import { problem } from '../../contract/errors.ts'
import { DIGEST } from './documents.ts'

export interface LayoutReference {
  readonly kind: 'layout'
  readonly dir: string
  readonly tag: string | undefined
  readonly digest: string | undefined
}

export interface RegistryReference {
  readonly kind: 'registry'
  /** Host and port. */
  readonly host: string
  readonly repository: string
  readonly tag: string | undefined
  readonly digest: string | undefined
}

export type Reference = LayoutReference | RegistryReference

const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const HOST = /^(?:\[[0-9a-f:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::\d{1,5})?$/

/** Reads a name. Throws `invalid_field` that says which part is wrong; a name without a registry is no name here. */
export function parseReference(given: string, field = 'image'): Reference {
  const wrong = (expected: string): Error => problem('invalid_field', { field, value: given, expected })
  const [rest = '', digest, ...more] = given.split('@')
  if (more.length > 0 || (digest !== undefined && !DIGEST.test(digest)))
    throw wrong('a digest of sha256: and 64 hexadecimal digits after @')
  const { name, tag } = splitTag(rest)
  if (tag !== undefined && !TAG.test(tag)) throw wrong('a tag of letters, digits, dots, dashes and underscores after :')
  if (rest.startsWith('layout:')) {
    const dir = name.slice('layout:'.length)
    if (dir === '') throw wrong('layout:FOLDER')
    return { kind: 'layout', dir, tag, digest }
  }
  const slash = name.indexOf('/')
  const [host, repository] = [name.slice(0, Math.max(0, slash)), name.slice(slash + 1)]
  const isHost = HOST.test(host) && (/[.:]/.test(host) || host === 'localhost')
  if (!isHost) throw wrong('layout:FOLDER or REGISTRY/REPOSITORY[:TAG], with the registry’s host name')
  if (!REPOSITORY.test(repository) || repository.length > 255)
    throw wrong('a repository of lower-case letters, digits and separators after the host')
  return { kind: 'registry', host, repository, tag, digest }
}

/** As people write it. */
export function referenceText(reference: Reference): string {
  const { tag, digest } = reference
  const name = reference.kind === 'layout' ? `layout:${reference.dir}` : `${reference.host}/${reference.repository}`
  return `${name}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`
}

/** What stands after the last colon is a tag unless a `/` follows it, which makes it a port or part of a path. */
function splitTag(text: string): { name: string; tag: string | undefined } {
  const colon = text.lastIndexOf(':')
  const scheme = text.startsWith('layout:') ? 'layout'.length : -1
  if (colon <= Math.max(scheme, text.lastIndexOf('/'))) return { name: text, tag: undefined }
  return { name: text.slice(0, colon), tag: text.slice(colon + 1) }
}
