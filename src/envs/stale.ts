/** Whether a uv.lock holds what its pyproject.toml asks for; uv judges it, without the network. */
import { stripVTControlCharacters } from 'node:util'
import { problem } from '../contract/errors.ts'
import type { Interpreter } from './python.ts'
import type { EnvRequest } from './request.ts'
import { unjudged } from './unjudged.ts'
import { runUv, type UvOptions } from './uv.ts'

/** Longest list of requirements that a message repeats, characters. */
const SHOWN = 200

/** What uv says in a case that changes no environment: the project's own version, which is not installed. */
const HARMLESS = /^mismatched version\b/

/** The files of a lock, and with what they are judged. */
interface Asked extends Pick<EnvRequest, 'files'>, UvOptions {
  readonly python: Interpreter
}

/** What uv says where only a build of the project could tell the rest, as where its version is dynamic. */
const OUTDATED = /Static (`[\w-]+` for [^\n]* is out-of-date)/

/**
 * Throws `unprocessable` for a lock in `folder` that is older than what its project asks for, with what differs. Nothing is said of one that
 * uv cannot judge from the two files alone, as where dependencies are dynamic: `unjudged` says that.
 */
export async function refuseStale(folder: string, { files, python, ...options }: Asked): Promise<void> {
  if (unjudged(files) !== undefined) return
  const args = ['lock', '--locked', '--offline', '--verbose', '--python', python.path]
  const { code, stderr } = await runUv(args, folder, options, { cwd: folder, env: environment(files) })
  if (code === 0) return
  const text = stripVTControlCharacters(stderr)
  const reason = /existing lockfile due to ([^\n]+)/.exec(text)?.[1] ?? OUTDATED.exec(text)?.[1]
  if (reason === undefined && !/needs to be updated/.test(text)) {
    return options.say(
      `whether uv.lock is as new as pyproject.toml could not be told: ${text.trim().split('\n').at(-1) ?? ''}`,
    )
  }
  if (reason !== undefined && HARMLESS.test(reason)) return
  const [asked, held] = [/Requested: ([^\n]+)/, /Existing: ([^\n]+)/].map((line) => namesIn(line.exec(text)?.[1] ?? ''))
  const lists =
    asked === held ? '' : `: pyproject.toml asks for ${asked || 'nothing'}, the lock holds ${held || 'nothing'}`
  const detail =
    `uv.lock is not what pyproject.toml asks for (${(reason ?? 'it needs to be updated').replace(/:$/, '')})${lists}; ` +
    'run "uv lock" and send the project in again'
  throw problem('unprocessable', { detail, reason: 'packages' })
}

/** The indexes are those that the lock names: whether this server reads another is no fault of the lock. */
function environment(files: EnvRequest['files']): Record<string, string | undefined> {
  const named = [...(files['uv.lock'] ?? '').matchAll(/registry = "([^"]+)"/g)].map(([, url]) => url ?? '')
  const [first, ...rest] = [...new Set(named)]
  return {
    UV_DEFAULT_INDEX: first,
    UV_INDEX: rest.length === 0 ? undefined : rest.join(' '),
    UV_FIND_LINKS: undefined,
  }
}

/** Names and versions out of uv's own notation of requirements. */
function namesIn(text: string): string {
  const found = [
    ...text.matchAll(
      /(?:PackageName|ExtraName|GroupName)\("([^"]+)"\)([^]*?)(?=PackageName\(|ExtraName\(|GroupName\(|$)/g,
    ),
  ]
  const names = found.map(([, name = '', rest = '']) => {
    const bounds = [...rest.matchAll(/operator: (\w+), version: "([^"]+)"/g)]
    return `${name}${bounds.map(([, operator = '', version = '']) => `${OPERATORS[operator] ?? ' '}${version}`).join(',')}`
  })
  const list = names.toSorted().join(' ')
  return list.length > SHOWN ? `${list.slice(0, SHOWN)}…` : list
}

const OPERATORS: Readonly<Record<string, string>> = {
  GreaterThanEqual: '>=',
  GreaterThan: '>',
  LessThanEqual: '<=',
  LessThan: '<',
  Equal: '==',
  ExactEqual: '===',
  NotEqual: '!=',
  TildeEqual: '~=',
  EqualStar: '==*',
  NotEqualStar: '!=*',
}
