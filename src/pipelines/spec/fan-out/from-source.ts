/** Faults of `for_each` over rows or files of a source: whether there is such a source, and what its items have. */
import { sourceFault } from '../external/inputs.ts'
import type { SourceKind } from '../external/source.ts'
import { nearest } from '../names/nearest.ts'
import type { ForEach } from './items.ts'

/** What is known of declared sources. */
export interface Sources {
  readonly kinds: Readonly<Record<string, SourceKind>>
  /** True of sources that were left out, of which nothing can be said. */
  readonly unread: (source: string) => boolean
}

/** What an item has that is a file. */
const OF_FILE = ['path', 'size', 'digest']

/** Kinds that give more than one file. */
const HAS_FILES: readonly SourceKind[] = ['file', 's3', 'pypi', 'data_set']

interface Said {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** A source that is not there, or gives no such items. */
export function sourceFaults(at: readonly PropertyKey[], { rows, files }: ForEach, known: Sources): Said[] {
  const key = rows === undefined ? 'files' : 'rows'
  const name = (rows ?? files)?.source ?? ''
  if (known.unread(name)) return []
  const kind = Object.hasOwn(known.kinds, name) ? known.kinds[name] : undefined
  const message = kind === undefined ? sourceFault(name, Object.keys(known.kinds)) : kindFault([key, name], kind)
  return message === undefined ? [] : [{ path: [...at, key], message }]
}

function kindFault([key, name]: [key: 'rows' | 'files', name: string], kind: SourceKind): string | undefined {
  const got = `got "sources.${name}", which is of the kind ${kind}; expected`
  if (key === 'rows') return kind === 'sql' ? undefined : `${got} one of the kind sql, or "files" in place of "rows"`
  if (kind === 'sql') return `${got} "rows" in place of "files", with "columns"`
  return HAS_FILES.includes(kind) ? undefined : `${got} one of ${HAS_FILES.join(', ')}, which have several files`
}

/** What is wrong with a part that a param takes of a row or a file; undefined of a part that it has, and of other items. */
export function partFaultOfSource({ rows, files }: ForEach, path: readonly string[]): string | undefined {
  const has = rows === undefined ? (files === undefined ? undefined : OF_FILE) : Object.keys(rows.columns)
  const [first = '', ...more] = path
  if (has === undefined) return undefined
  const what = rows === undefined ? 'a file has' : 'the columns are'
  if (!has.includes(first)) {
    const close = nearest(first, has)
    return close === undefined ? `${what} ${has.join(', ')}` : `${what} ${has.join(', ')}; did you mean "${close}"?`
  }
  return more.length === 0 ? undefined : `"${first}" has no parts; expected "{item.${first}}"`
}
