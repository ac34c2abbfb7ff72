/** A database that does not answer, whatever keeps it: every route of both wires tells a fault while it lasts, and answers as before afterwards. */
import assert from 'node:assert/strict'
import { everyRoute } from '../route-tables.ts'
import { until } from '../until.ts'
import { differences, isRead, outcomeOf, shown, volatileOf } from './outage.ts'
import { askAll, requestOf, send } from './requests.ts'
import type { Asked, Request } from './requests.ts'
import type { Values } from './values.ts'

/** Routes that answer from the process, or by a digest from the blobs. All others need the database. */
const WITHOUT_DATABASE: readonly string[] = [
  'GET /feast/:project/health',
  'GET /health',
  'GET /v1/changes',
  'GET /v1/health',
  'GET /v1/me',
  'GET /v1/proof',
  'GET /v1/server',
  'GET /v1/transfer/blobs/:digest',
  // names of tables, not their rows
  'GET /v1/transfer/tables',
  'GET /version',
  // nobody is logged in
  'POST /v1/logout',
  'POST /v1/transfer/missing',
  'POST /v1/data-trees',
  'POST /v1/trees',
  'PUT /v1/transfer/blobs',
  ...['/ajax-api', '/api'].flatMap((prefix) => [
    `GET ${prefix}/3.0/mlflow/gateway/provider-config`,
    `GET ${prefix}/3.0/mlflow/gateway/secrets/config`,
    `GET ${prefix}/3.0/mlflow/gateway/supported-models`,
    `GET ${prefix}/3.0/mlflow/gateway/supported-providers`,
    `GET ${prefix}/3.0/mlflow/server-info`,
  ]),
].sort()

/** Routes whose request is refused before anything is read, by what else it needs than fields. */
const REFUSED_BEFORE: ReadonlySet<string> = new Set([
  // a login link belongs to a token, and none was sent
  'POST /v1/login-links',
  // what was sent is no ID token, which is seen before the trusts are read
  'POST /v1/machine-tokens',
  // these hear the token of a node, and none was sent
  'GET /v1/attempts/:attempt/program',
  'POST /v1/attempts/:attempt/beats',
  'GET /v1/attempts/:attempt/files/:digest',
  'PUT /v1/attempts/:attempt/files/:digest',
  'POST /v1/attempts/:attempt/end',
  'POST /v1/attempts/:attempt/claim',
  'POST /v1/attempts/:attempt/log',
  'POST /v1/attempts/:attempt/checkpoint',
])

/** What has to have asked the database. */
const isUnread = (one: string): boolean => !REFUSED_BEFORE.has(one.split(': ')[0] ?? '')

export interface DatabaseOutage {
  /** A server that lets everyone in, so that no look for a token stands before the handlers. */
  readonly url: string
  readonly values: Values
  readonly begin: () => Promise<void>
  readonly end: () => Promise<void>
}

/** Every request, and what the reads among them are answered twice: what differs then changes by itself. */
async function askBefore(url: string, values: Values) {
  const requests = (await everyRoute()).map((route) => requestOf(route, url, values))
  const once = await askAll(
    requests.filter(({ route }) => isRead(route)),
    values,
  )
  const reads = once.map(({ request }) => request)
  return { requests, reads, first: await askAll(reads, values), second: await askAll(reads, values) }
}

/** Asks every route before, during and after an outage. */
export async function assertDatabaseOutage({ url, values, begin, end }: DatabaseOutage): Promise<void> {
  const { requests, reads, first, second } = await askBefore(url, values)
  const found = second.filter(({ answer }) => answer.status < 300)
  assert.ok(found.length > 0.9 * reads.length, `only ${found.length} of ${reads.length} reads find something`)

  await begin()
  let during: Asked[]
  try {
    during = await askAll(requests, values)
  } finally {
    await end()
  }
  assertFaults(during)

  await recovered(second[0] as Asked)
  assert.deepEqual(differences(second, await askAll(reads, values), volatileOf(first, second)), [])
  await assertWrites(during.map(({ request }) => request))
}

/** What these change is not in the database, or there is nothing to change. */
const WITHOUT_ROWS: ReadonlySet<string> = new Set([
  'POST /ajax-api/2.0/mlflow/webhooks/:webhook_id/test',
  'POST /api/2.0/mlflow/webhooks/:webhook_id/test',
  'POST /v1/audit/checkpoints',
  'POST /v1/pipeline-plans',
  'POST /v1/retention/:id/apply',
  'POST /v1/storage/look',
  // read, or written to the online store, which is a file of its own; no view has a source
  'POST /v1/features:read',
  'POST /v1/features:look-up',
  'POST /v1/features/views/:name/rows',
  ...['get-online-features', 'push', 'write-to-online-store', 'materialize', 'materialize-incremental'].map(
    (name) => `POST /feast/:project/${name}`,
  ),
  // asked for an empty list, for what is not set, or for what is so already: a group of these alone commits nothing
  'POST /v1/data-sets',
  'POST /v1/endpoints/:name/metrics',
  'POST /v1/pipeline-runs/:id/cancel',
  ...['/ajax-api', '/api'].flatMap((prefix) => [
    `DELETE ${prefix}/2.0/mlflow/model-versions/delete-tag`,
    `DELETE ${prefix}/2.0/mlflow/registered-models/delete-tag`,
    `DELETE ${prefix}/3.0/mlflow/datasets/:dataset_id/records`,
    `PATCH ${prefix}/2.0/mlflow/logged-models/:model_id/tags`,
    `POST ${prefix}/2.0/mlflow/logged-models/:model_id/params`,
    `POST ${prefix}/2.0/mlflow/runs/log-inputs`,
    `POST ${prefix}/2.0/mlflow/runs/restore`,
    `POST ${prefix}/2.0/mlflow/traces/link-to-run`,
    `POST ${prefix}/3.0/mlflow/traces/link-to-run`,
  ]),
])

/** Asks every route while the database takes no writes for want of room: reads answer as before, and what writes is 507. */
export async function assertFullDatabase({ url, values, begin, end }: DatabaseOutage): Promise<void> {
  const { requests, reads, first, second } = await askBefore(url, values)
  await begin()
  let read: Asked[]
  let written: Asked[]
  try {
    written = await askAll(
      requests.filter(({ route }) => !isRead(route)),
      values,
    )
    read = await askAll(reads, values)
  } finally {
    await end()
  }
  // a link by which a file is read is a row
  const differ = differences(second, read, volatileOf(first, second)).filter((one) => !/\/presigned\//.test(one))
  assert.deepEqual(differ, [])
  const { faults, answered, wrong } = outcomeOf(written)
  assert.deepEqual(
    wrong.filter((one) => isUnread(one) && !/: 40[149] /.test(one)),
    [],
  )
  assert.deepEqual(
    answered.filter((name) => !WITHOUT_DATABASE.includes(name) && !WITHOUT_ROWS.has(name)),
    [],
  )
  const full = written.filter(({ answer }) => answer.status === 507).length
  assert.ok(full > 100 && full === faults.length, `${full} of ${written.length} writes are 507`)
}

function assertFaults(during: readonly Asked[]): void {
  const { faults, answered, refused, wrong } = outcomeOf(during)
  assert.deepEqual(wrong.filter(isUnread), [])
  assert.deepEqual(answered, WITHOUT_DATABASE)
  assert.deepEqual(refused.filter(isUnread), [])
  assert.ok(faults.length > 400, `only ${faults.length} routes reached the database`)
}

/** Waits until a read is answered as it was. */
async function recovered({ request, answer }: Asked): Promise<void> {
  await until(`the recovery of ${request.name}`, async () => (await send(request)).status === answer.status)
}

/** The server of these tests has no gateway. */
const NEEDS_GATEWAY: ReadonlySet<string> = new Set(['POST /v1/endpoints/:name/try'])

/** The same writes as during the outage are taken now: those that take something away last. */
async function assertWrites(requests: readonly Request[]): Promise<void> {
  const writes = requests
    .filter(({ name, route }) => isUnread(name) && !isRead(route) && !route.path.startsWith('/ajax-api/'))
    .toSorted((a, b) => rank(a) - rank(b))
  const refused: string[] = []
  for (const request of writes) {
    const answer = await send(request)
    const asked = { request, answer }
    if (!NEEDS_GATEWAY.has(request.name)) assert.ok(answer.status > 0 && answer.status < 500, shown(asked))
    if (answer.status >= 300) refused.push(shown(asked))
  }
  assert.ok(
    refused.length < 0.2 * writes.length,
    `${refused.length} of ${writes.length} are refused:\n${refused.join('\n')}`,
  )
}

/** What makes and changes comes first, then what takes a part of something away, then what takes the whole. */
function rank({ route: { method, path } }: Request): number {
  const takesAway = method === 'DELETE' || /\/(?:delete|abort|rename|cancel|detach)\b/.test(path)
  return takesAway ? 1000 - path.length : 0
}
