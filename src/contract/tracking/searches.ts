/** Routes of saved searches: a filter with its order, columns and grouping under a name, shared by the UI, the CLI and alerts. */
import { z } from 'zod'
import { may } from '../access.ts'
import { byId, done, id, listOf, name, page, time } from '../fields.ts'
import { route } from '../route.ts'
import { RunRow } from '../tracking.ts'

const READ = may('read', 'runs')
const WRITE = may('write', 'runs')

const clause = z.string().min(1).max(512)

const given = {
  /** What is searched. */
  entity: z.enum(['runs', 'experiments']),
  /** Experiments of the runs; none = all that the caller sees. */
  experiment_ids: z.array(id).max(100),
  filter: z.string().max(20_000),
  order_by: z.array(clause).max(8),
  /** Columns of the table, as `metrics.loss`, `params.lr`, `tags.team` or `attributes.status`. */
  columns: z.array(clause).max(200),
  /** What the table groups by, for example `params.model`. */
  grouping: clause.nullable(),
}

export const SavedSearch = z.object({
  id,
  name: z.string(),
  project: z.string(),
  owner: z.string(),
  ...given,
  created_at: time,
  updated_at: time,
})

export const searchesApi = {
  list: route({
    method: 'GET',
    path: '/v1/searches',
    summary: 'List saved searches by name',
    access: READ,
    query: page.extend({ entity: given.entity.optional() }),
    reply: listOf(SavedSearch),
    errors: ['bad_request'],
  }),
  create: route({
    method: 'POST',
    path: '/v1/searches',
    summary: 'Save a search under a name',
    access: WRITE,
    body: z.strictObject({
      name,
      entity: given.entity.default('runs'),
      experiment_ids: given.experiment_ids.default([]),
      filter: given.filter.default(''),
      order_by: given.order_by.default([]),
      columns: given.columns.default([]),
      grouping: given.grouping.default(null),
    }),
    reply: SavedSearch,
    status: 201,
    errors: ['bad_request', 'already_exists'],
  }),
  get: route({
    method: 'GET',
    path: '/v1/searches/:id',
    summary: 'A saved search, by id or by name',
    access: READ,
    params: byId,
    reply: SavedSearch,
    errors: ['not_found'],
  }),
  update: route({
    method: 'PATCH',
    path: '/v1/searches/:id',
    summary: 'Change a saved search; what is not named stays',
    access: WRITE,
    params: byId,
    body: z.strictObject({ name, ...given }).partial(),
    reply: SavedSearch,
    errors: ['bad_request', 'not_found', 'already_exists'],
  }),
  remove: route({
    method: 'DELETE',
    path: '/v1/searches/:id',
    summary: 'Forget a saved search',
    access: WRITE,
    params: byId,
    reply: done,
    errors: ['not_found'],
  }),
  runs: route({
    method: 'GET',
    path: '/v1/searches/:id/runs',
    summary: 'The runs that a saved search finds now, with its columns',
    access: READ,
    params: byId,
    query: page.extend({ page_token: z.string().max(8192).optional() }),
    reply: listOf(RunRow),
    errors: ['bad_request', 'not_found'],
  }),
}
