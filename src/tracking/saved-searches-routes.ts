/** The routes of saved searches. */
import type { z } from 'zod'
import { toTime } from '../contract/fields.ts'
import { searchesApi } from '../contract/tracking/searches.ts'
import type { SavedSearch as WireSearch } from '../contract/tracking/searches.ts'
import { mount } from '../http/mount.ts'
import type { Mounted } from '../http/mount.ts'
import { tableRows } from './native.ts'
import { pageToken, queryHash, readToken } from '../mlflow/paging.ts'
import type { Tracking } from './context/context.ts'
import {
  changeSearch,
  forgetSearch,
  listSearches,
  requireSearch,
  runSearch,
  saveSearch,
} from './searches/saved-searches.ts'
import type { SavedSearch, SearchText } from './searches/saved-searches.ts'

export function savedSearchRoutes(room: Tracking): Mounted[] {
  return [
    mount(searchesApi.list, async ({ query, who }) => {
      const { entity, limit, page_token } = query
      const hash = queryHash(['searches', entity ?? '', who.project])
      const position = readToken(page_token, hash)
      const [name, id] = position !== undefined && 'after' in position ? position.after : []
      const after = name === undefined ? undefined : ([String(name), String(id)] as const)
      const found = await listSearches(room, who, { entity, after, limit: limit + 1 })
      const shown = found.slice(0, limit)
      const last = shown.at(-1)
      const items = shown.map(wire)
      return found.length <= limit || last === undefined
        ? { items }
        : { items, next_page_token: pageToken(hash, [last.name, last.id]) }
    }),
    mount(searchesApi.create, async ({ body: { name, ...text }, who }) =>
      wire(await saveSearch(room, who, name, text)),
    ),
    mount(searchesApi.get, async ({ params, who }) => wire(await requireSearch(room.db, who, params.id))),
    mount(searchesApi.update, async ({ params, body, who }) =>
      wire(await changeSearch(room, who, params.id, given(body))),
    ),
    mount(searchesApi.remove, async ({ params, who }) => {
      await forgetSearch(room, who, params.id)
      return {}
    }),
    mount(searchesApi.runs, async ({ params, query, who }) => {
      const saved = await requireSearch(room.db, who, params.id)
      const page = { max_results: query.limit, page_token: query.page_token }
      const { rows, ...more } = await runSearch(room, who, saved, page)
      return { items: await tableRows(room, rows, columnsOf(saved.columns)), ...more }
    }),
  ]
}

/** What a change names, without the fields that it leaves out. */
function given(body: {
  [K in keyof (SearchText & { name: string })]?: (SearchText & { name: string })[K] | undefined
}): Partial<SearchText & { name: string }> {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined))
}

/** Columns such as `metrics.loss` by their kind; those of the run itself are in every row. */
function columnsOf(columns: readonly string[]): { metrics: string[]; params: string[]; tags: string[] } {
  const of = (kind: string): string[] =>
    columns.flatMap((column) => (column.startsWith(`${kind}.`) ? [column.slice(kind.length + 1)] : []))
  return { metrics: of('metrics'), params: of('params'), tags: of('tags') }
}

function wire(saved: SavedSearch): z.output<typeof WireSearch> {
  return {
    ...saved,
    experiment_ids: [...saved.experiment_ids],
    order_by: [...saved.order_by],
    columns: [...saved.columns],
    created_at: toTime(saved.created_at),
    updated_at: toTime(saved.updated_at),
  }
}
