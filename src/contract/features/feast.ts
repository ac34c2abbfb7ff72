/** Routes that a Feast SDK with a remote online store, and plain callers of `feast serve`, find below `/feast/PROJECT`. */
import { z } from 'zod'
import { may } from '../access.ts'
import { name } from '../fields.ts'
import { route } from '../route.ts'

const params = z.object({ project: name })
const write = may('write', 'artifacts')
const foreign = { method: 'POST', params, body: 'json', reply: 'json', numerals: true } as const
/** As Feast's server takes them: any other text than `true` means no. */
const waiting = z.object({
  async: z.string().max(10).optional().describe('`true`: answer when it has begun, with status 202'),
  force: z.string().max(10).optional().describe('taken, and without a meaning here: what runs is never stuck'),
})

/** Most rows of one call. Feast's SDK sends all that it is given at once; a client of ours splits. */
export const MOST_FEAST_READ = 10_000
export const MOST_FEAST_PUSHED = 100_000

/** Bodies and replies are those of Feast 0.67; `src/features/feast` reads and writes them. */
export const feastApi = {
  feastRead: route({
    ...foreign,
    path: '/feast/:project/get-online-features',
    summary: 'Feast: read features of entities as they are now, one list for each feature',
    access: may('predict', 'endpoints'),
    limit: 16 * 1024 * 1024,
    errors: ['not_found', 'invalid_field', 'unprocessable', 'unavailable'],
  }),
  feastPush: route({
    ...foreign,
    path: '/feast/:project/push',
    summary: 'Feast: push rows; the name of a view stands for its push source',
    access: may('label', 'endpoints'),
    limit: 32 * 1024 * 1024,
    errors: ['not_found', 'invalid_field', 'conflict', 'unprocessable', 'unavailable'],
  }),
  feastWrite: route({
    ...foreign,
    path: '/feast/:project/write-to-online-store',
    summary: 'Feast: write rows of a feature view, which is what its SDK makes of a push',
    access: may('label', 'endpoints'),
    limit: 32 * 1024 * 1024,
    errors: ['not_found', 'invalid_field', 'conflict', 'unprocessable', 'unavailable'],
  }),
  feastMaterialise: route({
    ...foreign,
    path: '/feast/:project/materialize',
    summary: 'Feast: materialise views from their sources until a time, and answer when it is done',
    access: write,
    query: waiting,
    errors: ['not_found', 'invalid_field', 'unprocessable', 'conflict'],
  }),
  feastMaterialiseIncremental: route({
    ...foreign,
    path: '/feast/:project/materialize-incremental',
    summary: 'Feast: the same, without a beginning',
    access: write,
    query: waiting,
    errors: ['not_found', 'invalid_field', 'unprocessable', 'conflict'],
  }),
  feastHealth: route({
    method: 'GET',
    path: '/feast/:project/health',
    summary: 'Feast: status 200 while the server answers; it says nothing of the project',
    access: 'public',
    params,
    reply: 'json',
  }),
}
