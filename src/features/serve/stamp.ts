/** What tells whether features that a caller names one by one still mean what they did, without reading their definitions. */
import type { Reader } from '../../store/db.ts'

interface StampRow {
  readonly name: string
  readonly version: number
  readonly latest: number
  readonly digest: string
  readonly created_at: number
}

/** Where features end and the name of a view is all there is. */
const VIEW = /^([^:@]+)(?:@(\d+))?(?::|$)/

/** More views are planned each time: few callers name so many. */
const MOST_VIEWS = 20

/**
 * A text that differs once any view that is named means something else: it has a newer version, or came again with its project. The database
 * is asked each time, for another server may have changed it. Undefined where an on-demand feature is named, which may take any view, or a
 * view that there is not.
 */
export async function stampOf(reader: Reader, project: string, given: readonly string[]): Promise<string | undefined> {
  const wanted = new Set(given.map((one) => VIEW.exec(one)?.slice(1, 3).join('@') ?? ''))
  if (wanted.size > MOST_VIEWS) return undefined
  const views = [...wanted].map((one) => one.split('@') as [name: string, version: string])
  if (views.some(([name]) => name === 'on_demand' || name === '')) return undefined
  const which = views.map(([, version]) => `v.name = ? AND v.version = ${version === '' ? 'n.latest' : '?'}`)
  const rows = await reader.all<StampRow>(
    `SELECT v.name, v.version, n.latest, v.digest, v.created_at FROM feature_names n
     JOIN feature_versions v ON v.project = n.project AND v.kind = n.kind AND v.name = n.name
     WHERE n.project = ? AND n.kind = 'view' AND (${which.join(' OR ')}) ORDER BY v.name, v.version`,
    [project, ...views.flatMap(([name, version]) => (version === '' ? [name] : [name, Number(version)]))],
  )
  const has = ([name, version]: [string, string]): boolean =>
    rows.some((row) => row.name === name && row.version === (version === '' ? row.latest : Number(version)))
  if (!views.every(has)) return undefined
  return rows.map((row) => `${row.name}@${row.version} ${row.digest} ${row.created_at}`).join('\n')
}
