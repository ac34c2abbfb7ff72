/** A store of blobs that does not answer, whatever keeps it: what needs it tells a fault, the rest answers as before, and afterwards all does. */
import assert from 'node:assert/strict'
import { everyRoute } from '../route-tables.ts'
import { differences, isFault, isRead, isSame, shown, volatileOf } from './outage.ts'
import { askAll, requestOf } from './requests.ts'
import type { Asked, Request } from './requests.ts'
import { settled } from './world.ts'
import type { Values } from './values.ts'

export interface BlobOutage {
  readonly url: string
  readonly values: Values
  readonly begin: () => void
  readonly end: () => void
  /** Whether blobs can still be read: a disk that is full. */
  readonly readable?: boolean
  /** The status of the faults; default 503. */
  readonly status?: 503 | 507
}

/** Routes that read the bytes of a blob. */
const READING = [
  'GET /api/2.0/mlflow-artifacts/artifacts/*',
  'GET /ajax-api/2.0/mlflow-artifacts/artifacts/*',
  'GET /get-artifact',
  'GET /api/2.0/mlflow/model-versions/get-artifact',
  'GET /api/2.0/mlflow/logged-models/:model_id/artifacts/files',
  'GET /v1/models/:name/versions/:version/file',
  'GET /v1/transfer/blobs/:digest',
]

/** Routes that write one. */
const WRITING = [
  'PUT /api/2.0/mlflow-artifacts/artifacts/*',
  'PUT /ajax-api/2.0/mlflow-artifacts/artifacts/*',
  'POST /api/2.0/mlflow/upload-artifact',
  'POST /api/2.0/mlflow/runs/create-promptlab-run',
  'POST /v1/data-trees',
  'POST /v1/trees',
  'PUT /v1/transfer/blobs',
]

/** Asks every route that takes nothing away, before, during and after an outage. */
export async function assertBlobOutage(outage: BlobOutage): Promise<void> {
  const { url, values, begin, end, readable = false, status = 503 } = outage
  const requests = (await everyRoute()).map((route) => requestOf(route, url, values)).filter(takesNothingAway)
  const reads = (
    await askAll(
      requests.filter(({ route }) => isRead(route)),
      values,
    )
  ).map(({ request }) => request)
  await settled(url)
  const first = await askAll(reads, values)
  const second = await askAll(reads, values)
  const volatile = volatileOf(first, second)

  begin()
  const read = await askAll(reads, values).finally(() => end())
  const otherwise = read.filter((one, index) => !isFault(one) && !agrees(one, second[index] as Asked, volatile))
  assert.deepEqual(otherwise.map(shown), [])
  assert.deepEqual(differences(second, await askAll(reads, values), volatile), [])

  begin()
  const writes = requests.filter(({ route }) => !isRead(route))
  const written = await askAll(writes, values).finally(() => end())
  assert.deepEqual(written.filter((one) => isMadeOfFault(one)).map(shown), [])
  const faults = [...read, ...written].filter((one) => one.answer.status === status).map(({ request }) => request.name)
  const expected = readable ? WRITING : [...READING, ...WRITING]
  assert.deepEqual(
    expected.filter((name) => !faults.includes(name)),
    [],
    'these did not need a blob',
  )
  if (readable) assert.deepEqual(read.filter(isFault).map(shown), [])

  const again = await askAll(
    requests.filter(({ name }) => WRITING.includes(name)),
    values,
  )
  assert.deepEqual(again.filter(({ answer }) => answer.status >= 300).map(shown), [])
}

function agrees(one: Asked, then: Asked, volatile: ReadonlySet<string>): boolean {
  if (isSame(one.answer, then.answer)) return true
  return volatile.has(one.request.name) && one.answer.status === then.answer.status
}

/** A write may be refused or done without a blob; what it may not be is a fault in other words, or a "not there" of the blob. */
function isMadeOfFault(one: Asked): boolean {
  const { status, text } = one.answer
  return (
    (status >= 500 || status === 0 || (status === 404 && /blob|artifact/i.test(text))) &&
    !isFault(one) &&
    one.request.name !== 'POST /v1/endpoints/:name/try'
  )
}

function takesNothingAway({ route: { method, path } }: Request): boolean {
  return method !== 'DELETE' && !/\/(?:delete|abort|rename|cancel|detach|complete)\b|:part|delete-/.test(path)
}
