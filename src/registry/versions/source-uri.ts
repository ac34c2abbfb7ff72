/** Reads and checks the `source` of a version before anything is looked up: schemes, names and relative parts. */
import { posix } from 'node:path'
import { fullyDecoded } from '../../tracking/context/paths.ts'
import { invalid, mlflowProblem } from '../../mlflow/wire.ts'

export type SourceUri =
  | { readonly kind: 'logged_model'; readonly model_id: string }
  | { readonly kind: 'version'; readonly name: string; readonly suffix: string; readonly alias: boolean }
  | { readonly kind: 'run'; readonly run_id: string; readonly path: string }
  | { readonly kind: 'proxied'; readonly uri: string }
  | { readonly kind: 'local'; readonly path: string }
  | { readonly kind: 'foreign' }

const LONGEST = 4096
const PROXY = /\/mlflow-artifacts\/artifacts(\/|$)/

/** What a source names. Throws INVALID_PARAMETER_VALUE for relative parts, also encoded ones, and for malformed URIs. */
export function readSource(source: string): SourceUri {
  if (source.length > LONGEST) throw invalid(`Invalid model version source: it has ${source.length} characters.`)
  const [, scheme, host = '', path = ''] = partsOf(source)
  if (scheme === undefined || scheme === 'file') return localSource(source, host)
  checkPath(source)
  const inner = path.replace(/^\/+/, '')
  if (scheme === 'models' || scheme === 'runs') {
    if (host !== '' || !path.startsWith('/') || inner === '')
      throw unfit(source, scheme === 'runs' ? 'run_id' : 'model_id')
    return scheme === 'runs' ? runSource(inner) : modelSource(source, inner)
  }
  if (scheme === 'mlflow-artifacts') return { kind: 'proxied', uri: source }
  // by this server's HTTP address a source could name what its caller may not see
  if (PROXY.test(path)) throw unfit(source, 'run_id')
  return { kind: 'foreign' }
}

/** The whole, scheme, host and path; empty for what is no URI. */
function partsOf(source: string): (string | undefined)[] {
  const [whole, scheme, host, path] = /^([A-Za-z][A-Za-z0-9+.-]+):(?:\/\/([^/?#]*))?(.*)$/s.exec(source) ?? []
  return [whole, scheme?.toLowerCase(), host, path]
}

/** The refusal of a source that does not lie in the named run or logged model. */
export function unfit(source: string, parameter: 'run_id' | 'model_id'): Error {
  return invalid(
    `Invalid model version source: '${source}'. The ${parameter} request parameter must identify the resource that contains the source.`,
  )
}

/** The refusal of a local path outside the artifacts of its run or logged model. */
export function notContained(source: string, parameter: 'run_id' | 'model_id'): Error {
  return invalid(
    `Invalid model version source: '${source}'. To use a local path as a model version source, the ${parameter} request ` +
      'parameter has to be specified and the local path has to be contained within the artifact directory of the run ' +
      `specified by the ${parameter}.`,
  )
}

/** A path of a client's disk. Refuses a `file:` URI of another machine, with the status that MLflow answers and its own tests ask for. */
function localSource(source: string, host: string): SourceUri {
  if (!/^[a-z0-9-]+(\.[a-z0-9-]+)+$/i.test(host)) return { kind: 'local', path: localPath(source) }
  throw mlflowProblem(
    'INTERNAL_ERROR',
    `${source} is not a valid remote uri. For remote access on windows, use a share.`,
  )
}

/** The normal form of a local path or `file:` URI, `..` taken out; '' when it is not absolute or has another host. */
export function localPath(source: string): string {
  const path = decoded(source.replace(/^file:(\/\/(localhost)?(?=\/))?/i, ''))
  if (path === undefined || path.startsWith('//') || !path.startsWith('/')) return ''
  return posix.normalize(path).replace(/\/+$/, '')
}

function runSource(inner: string): SourceUri {
  const slash = inner.indexOf('/')
  return slash < 0
    ? { kind: 'run', run_id: inner, path: '' }
    : { kind: 'run', run_id: inner.slice(0, slash), path: inner.slice(slash + 1).replace(/\/+$/, '') }
}

function modelSource(source: string, inner: string): SourceUri {
  const [first = '', second, ...rest] = inner.split('/')
  if (first.trim() === '' || rest.length > 0 || second?.trim() === '') throw unfit(source, 'model_id')
  if (second !== undefined) return { kind: 'version', name: first, suffix: second, alias: false }
  const at = first.lastIndexOf('@')
  if (at < 0) return { kind: 'logged_model', model_id: first }
  if (at === 0 || at === first.length - 1) throw unfit(source, 'model_id')
  return { kind: 'version', name: first.slice(0, at), suffix: first.slice(at + 1), alias: true }
}

/** Refuses `..`, `.` and NUL in any decoded form, and a path that is not absolute. */
function checkPath(source: string): void {
  const plain = decoded(source)
  const path = plain?.replace(/^[^:]+:(\/\/[^/?#]*)?/, '') ?? ''
  const parts = path.split('/')
  const hostile = plain === undefined || /[\0\\]/.test(plain) || plain.split('/').includes('..') || parts.includes('.')
  if (!hostile && path.startsWith('/')) return
  throw invalid(
    `Invalid model version source: '${source}'. If supplying a source as an http, https, local file path, ftp, ` +
      'objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references ' +
      'present. Please provide an absolute path.',
  )
}

/** A `+` may stand for a space, as in a form. */
function decoded(text: string): string | undefined {
  return fullyDecoded(text.replaceAll('+', ' '))
}
