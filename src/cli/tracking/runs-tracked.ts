/** The part of `slipway runs` that searches tracked runs, by a filter or by a saved search, and keeps searches. */
import { searchesApi } from '../../contract/tracking/searches.ts'
import type { SavedSearch } from '../../contract/tracking/searches.ts'
import { trackingApi } from '../../contract/tracking.ts'
import type { RunRow } from '../../contract/tracking.ts'
import type { z } from 'zod'
import type { Client } from '../../client/client.ts'
import { number, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'

/** Rows that are shown where no limit is given. */
const SHOWN = 50

/** Flags that make `slipway runs` a search of tracked runs. */
export const TRACKED = ['search', 'filter', 'searches', 'save', 'forget', 'order-by', 'column', 'experiment'] as const

export async function runTracked(invocation: Invocation): Promise<number> {
  const { flags, args } = invocation
  if (args.length > 0) throw new UsageError('a search takes no RUN')
  const { client } = await connect(invocation)
  if (flags['searches'] === true) return listSaved(invocation, client)
  if (typeof flags['forget'] === 'string') return forget(invocation, client, flags['forget'])
  if (typeof flags['save'] === 'string') return save(invocation, client, flags['save'])
  return typeof flags['search'] === 'string' ? saved(invocation, client, flags['search']) : filtered(invocation, client)
}

async function listSaved({ out }: Invocation, client: Client): Promise<number> {
  const { items } = await client.call(searchesApi.list, { query: { limit: 1000 } })
  out.data(items)
  out.table(
    ['search', 'project', 'owner', 'of', 'filter', 'order'],
    items.map((one) => [one.name, one.project, one.owner, one.entity, one.filter, one.order_by.join(', ')]),
  )
  return 0
}

async function forget({ out }: Invocation, client: Client, id: string): Promise<number> {
  await client.call(searchesApi.remove, { params: { id } })
  out.data({ forgotten: id })
  out.line(`forgot the search ${id}`)
  return 0
}

async function save(invocation: Invocation, client: Client, name: string): Promise<number> {
  const { filter, order_by, columns, experiments } = asked(invocation)
  const made = await client.call(searchesApi.create, {
    body: { name, filter, order_by, columns, experiment_ids: experiments },
  })
  invocation.out.data(made)
  invocation.out.line(`saved the search ${made.name}; run it with: slipway runs --search ${made.name}`)
  return 0
}

async function saved(invocation: Invocation, client: Client, id: string): Promise<number> {
  const search: z.output<typeof SavedSearch> = await client.call(searchesApi.get, { params: { id } })
  const { items } = await client.call(searchesApi.runs, { params: { id }, query: { limit: limitOf(invocation) } })
  show(invocation, items, search.columns)
  return 0
}

async function filtered(invocation: Invocation, client: Client): Promise<number> {
  const { filter, order_by, columns, experiments } = asked(invocation)
  const { items } = await client.call(trackingApi.listRuns, {
    query: {
      filter,
      limit: limitOf(invocation),
      ...(order_by.length > 0 && { order_by }),
      ...(experiments.length > 0 && { experiment_id: experiments }),
      ...kinds(columns),
    },
  })
  show(invocation, items, columns)
  return 0
}

interface Asked {
  readonly filter: string
  readonly order_by: string[]
  readonly columns: string[]
  readonly experiments: string[]
}

function asked({ flags }: Invocation): Asked {
  const many = (flag: string): string[] => [(flags[flag] as readonly string[] | undefined) ?? []].flat()
  for (const column of many('column'))
    if (!/^(?:metrics|params|tags|attributes)\../.test(column))
      throw new UsageError(
        `--column is "${column}"; expected for example metrics.loss, params.lr, tags.team or attributes.user_id`,
      )
  return {
    filter: typeof flags['filter'] === 'string' ? flags['filter'] : '',
    order_by: many('order-by'),
    columns: many('column'),
    experiments: many('experiment'),
  }
}

/** Rows that `--limit` allows. Throws UsageError. */
export function limitOf(invocation: Invocation): number {
  return number(invocation, 'limit', { min: 1, max: 1000, default: SHOWN })
}

/** The columns by their kind, for the query; those of the run itself come anyway. */
function kinds(columns: readonly string[]): { metrics?: string[]; params?: string[]; tags?: string[] } {
  const of = (kind: string): string[] =>
    columns.flatMap((column) => (column.startsWith(`${kind}.`) ? [column.slice(kind.length + 1)] : []))
  const [metrics, params, tags] = [of('metrics'), of('params'), of('tags')]
  return {
    ...(metrics.length > 0 && { metrics }),
    ...(params.length > 0 && { params }),
    ...(tags.length > 0 && { tags }),
  }
}

function show({ out }: Invocation, items: readonly z.output<typeof RunRow>[], columns: readonly string[]): void {
  out.data(items)
  out.table(
    ['run', 'name', 'status', 'started', ...columns],
    items.map((run) => [
      run.id,
      run.name,
      run.lost === true ? 'LOST' : run.status,
      run.started_at,
      ...columns.map((column) => cell(run, column)),
    ]),
  )
}

function cell(run: z.output<typeof RunRow>, column: string): string {
  const dot = column.indexOf('.')
  const key = column.slice(dot + 1)
  if (column.startsWith('metrics.')) return String(run.metrics[key] ?? '')
  if (column.startsWith('params.')) return run.params[key] ?? ''
  if (column.startsWith('tags.')) return run.tags[key] ?? ''
  const own: Record<string, unknown> = {
    ...run,
    user_id: run.user,
    end_time: run.ended_at,
    artifact_uri: run.artifact_uri,
  }
  const value = own[key]
  return typeof value === 'string' ? value : ''
}
