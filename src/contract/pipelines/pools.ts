/** Pools of the server: how many steps that name one may run at once, of all projects. */
import { z } from 'zod'
import { may } from '../access.ts'
import { allOf, byName, id, time } from '../fields.ts'
import { route } from '../route.ts'

/** Places that a pool may have. */
const MOST_PLACES = 100_000

export const Pool = z.object({
  name: z.string(),
  /** Steps that may run in it at once; 0 lets none begin. */
  places: z.number().int(),
  /** Of them those of one project at most; null = all. */
  per_project: z.number().int().nullable(),
  note: z.string(),
  changed_at: time,
  changed_by: z.string(),
  /** Places that are taken; more than there are where it was made smaller since. */
  held: z.number().int(),
  /** Steps that wait for a place, of this pool or of the server besides. */
  waiting: z.number().int(),
  /** Who holds places, the first twenty, of the projects that the caller sees. */
  holders: z.array(z.object({ project: z.string(), run: id, step: z.string(), since: time })),
})
export type Pool = z.output<typeof Pool>

const places = z.number().int().min(0).max(MOST_PLACES)

export const poolsApi = {
  listPools: route({
    method: 'GET',
    path: '/v1/pools',
    summary: 'List the pools of the server, who holds their places, and how many steps wait',
    access: may('read', 'pipelines'),
    reply: allOf(Pool),
  }),
  setPool: route({
    method: 'PUT',
    path: '/v1/pools/:name',
    summary: 'Make a pool, or change how many places it has; steps that run in it go on',
    access: may('manage', 'pipelines'),
    params: byName,
    body: z.object({
      places,
      per_project: places.min(1).nullable().default(null),
      note: z.string().max(500).default(''),
    }),
    reply: Pool,
    errors: ['invalid_field'],
  }),
  removePool: route({
    method: 'DELETE',
    path: '/v1/pools/:name',
    summary: 'Remove a pool; refused while a run that has not ended has a step that names it',
    access: may('manage', 'pipelines'),
    params: byName,
    reply: Pool,
    errors: ['not_found', 'conflict'],
  }),
}
