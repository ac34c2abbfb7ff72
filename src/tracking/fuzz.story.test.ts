/** Random and hostile arguments for every call of MLflow's protocol: each is answered, and never as a fault of the server. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { pino } from 'pino'
import { auditLog } from '../auth/audit.ts'
import { SYSTEM } from '../auth/tokens.ts'
import { startServer } from '../http/server.ts'
import type { RunningServer } from '../http/server.ts'
import { migrate } from '../store/migrate.ts'
import { openTemporaryStore } from '../store/open.ts'
import { openPostgres } from '../store/postgres/postgres.ts'
import { startPostgres } from '../../test/postgres.ts'
import type { Blobs } from '../store/blobs/blobs.ts'
import type { Db } from '../store/db.ts'
import { datasetCalls } from '../evaluation/datasets/calls.ts'
import { experimentCalls } from './calls/experiments.ts'
import { gatewayCalls } from '../llm/settings/calls.ts'
import { historyCalls } from './calls/metrics.ts'
import { issueCalls } from '../traces/issues/calls.ts'
import { modelCalls } from './calls/models.ts'
import { promptlabCalls } from '../evaluation/promptlab.ts'
import type { Llm } from '../llm/context/context.ts'
import { rpcRoutes } from '../mlflow/rpc.ts'
import type { Rpc } from '../mlflow/rpc.ts'
import { runCalls } from './calls/runs.ts'
import { scorerCalls } from '../evaluation/scorers/calls.ts'
import { traceCalls } from '../traces/calls.ts'
import { workspaceCalls } from './calls/workspaces.ts'

const SEED = 20_261_124
const TRIES = 12

/** Numbers in [0, 1) that a seed decides (mulberry32). */
function chances(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const HOSTILE: readonly unknown[] = [
  '',
  ' ',
  '0',
  '-1',
  'x'.repeat(300),
  'x'.repeat(70_000),
  '../../etc/passwd',
  '%00',
  "'; DROP TABLE runs; --",
  'a = 1 AND',
  "metrics.`a` > 'b'",
  'name LIKE "%"',
  '((((((',
  'source_run_id IS NULL',
  "status != 'resolved'",
  's3://b/%ff',
  'CASCADE',
  '{"a": [1, {"b": null}]}',
  '[{"inputs": {}}, 7]',
  '[]',
  'null',
  '\u0000',
  'Ünïcødé 🚀',
  '__proto__',
  0,
  1,
  -1,
  1.5,
  2 ** 53,
  -(2 ** 63),
  1e308,
  true,
  false,
  null,
  [],
  {},
  [null],
  [[]],
  [{}],
  [{ key: 'k', value: 'v' }],
  [{ key: '../k', value: 'v'.repeat(9000) }],
  [{ key: 'm', value: 'NaN', timestamp: 1, step: -1 }],
  [{ key: 'm', value: 1, timestamp: -1, step: 1e19 }],
  [{ dataset: { name: 'd', digest: 'x', source_type: 's', source: '{}' }, tags: [{ key: 'k' }] }],
  { nested: { deeper: [1, 2, 3] } },
  ['0', '1'],
  ['name ASC', 'metrics.m DESC', '`'],
]

interface Opened {
  readonly db: Db
  readonly blobs: Blobs
  close(): Promise<void>
}

const OPENERS: readonly { readonly kind: string; readonly open: () => Promise<Opened> }[] = [
  { kind: 'SQLite', open: openTemporaryStore },
  { kind: 'PostgreSQL', open: onPostgres },
]

/** The blobs of a temporary store beside a database of a real PostgreSQL. */
async function onPostgres(): Promise<Opened> {
  const temporary = await openTemporaryStore()
  const postgres = await startPostgres()
  const db = openPostgres(postgres.url)
  await migrate(db)
  return {
    db,
    blobs: temporary.blobs,
    async close() {
      await db.close()
      await postgres.stop()
      await temporary.close()
    },
  }
}

for (const { kind, open } of OPENERS)
  describe(`every call of the protocol on ${kind}`, () => {
    let store: Opened
    let server: RunningServer
    let known: unknown[] = []
    let calls: Rpc[] = []

    before(async () => {
      store = await open()
      const room: Llm = {
        ...store,
        clock: Date.now,
        random: randomBytes,
        record: auditLog(Date.now).record,
        seal: (text) => Buffer.from(text).toString('base64'),
      }
      calls = [
        ...experimentCalls(room),
        ...runCalls(room),
        ...historyCalls(room),
        ...modelCalls(room),
        ...promptlabCalls(room),
        ...datasetCalls(room),
        ...scorerCalls(room),
        ...traceCalls(room),
        ...issueCalls(room),
        ...gatewayCalls(room),
        ...workspaceCalls(room),
      ]
      server = await startServer({
        routes: rpcRoutes(calls),
        authenticate: async () => SYSTEM,
        host: '127.0.0.1',
        port: 0,
        logger: pino({ level: 'silent' }),
      })
      const made = async (path: string, body: object) => {
        const reply = await fetch(`${server.url}/api/${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        })
        assert.equal(reply.status, 200)
        return (await reply.json()) as Record<string, Record<string, Record<string, unknown>>>
      }
      const run = await made('2.0/mlflow/runs/create', { experiment_id: '0', run_name: 'r' })
      const model = await made('2.0/mlflow/logged-models', { experiment_id: '0', name: 'm' })
      const dataset = await made('3.0/mlflow/datasets/create', { name: 'd', experiment_ids: ['0'] })
      const ids: unknown[] = [run['run']?.['info']?.['run_id'], model['model']?.['info']?.['model_id']]
      const issue = (await made('3.0/mlflow/issues', { experiment_id: '0', name: 'i', description: 'd' }))['issue']
      const gateway = async (what: string, body: object, shown: string) =>
        (await made(`3.0/mlflow/gateway/${what}/create`, body))[shown]
      const secret = await gateway('secrets', { secret_name: 'm', secret_value: { api_key: 'k' } }, 'secret')
      const defined = { name: 'm', secret_id: secret?.['secret_id'], provider: 'openai', model_name: 'm' }
      const model_definition_id = (await gateway('model-definitions', defined, 'model_definition'))?.[
        'model_definition_id'
      ]
      const served = { name: 'm', model_configs: [{ model_definition_id }] }
      const endpoint = await gateway('endpoints', served, 'endpoint')
      await made('3.0/mlflow/scorers/register', { experiment_id: '0', name: 'm', serialized_scorer: '{}' })
      ids.push(issue?.['issue_id'], secret?.['secret_id'], model_definition_id, endpoint?.['endpoint_id'])
      known = [
        ...ids,
        dataset['dataset']?.['dataset_id'],
        '0',
        'm',
        ...ids.map((id) => [id]),
        [{ model_id: ids[1] }],
        [{ model_definition_id }],
      ]
    })
    after(async () => {
      await server.stop()
      await store.close()
    })

    test(`${TRIES} random calls of each, by seed ${SEED}`, async () => {
      const chance = chances(SEED)
      const pick = (from: readonly unknown[]): unknown => from[Math.floor(chance() * from.length)]
      const value = (): unknown => (chance() < 0.45 ? pick(known) : pick(HOSTILE))
      let answered = 0
      for (const call of calls) {
        for (let attempt = 0; attempt < TRIES; attempt++) {
          const names = Object.keys(call.fields).filter(() => chance() < 0.8)
          const sent = Object.fromEntries(names.map((name) => [name, value()]))
          const method = [call.method].flat()[attempt % [call.method].flat().length] ?? 'GET'
          const path = call.path.replace(/:(\w+)/g, () => part(value()))
          const address = `/api/${call.version ?? '2.0'}/mlflow/${path}`
          const reply = await fetch(`${server.url}${address}${method === 'GET' ? queryOf(sent) : ''}`, {
            method,
            headers: { 'content-type': 'application/json' },
            ...(method !== 'GET' && { body: JSON.stringify(sent) }),
          })
          const text = await reply.text()
          const what = `${method} ${address} ${JSON.stringify(sent).slice(0, 500)}: ${reply.status} ${text.slice(0, 300)}`
          assert.ok(reply.status < 500 || reply.status === 501, what)
          if (reply.status >= 400) assert.match(text, /^\{"error_code":"[A-Z_]+","message":"/, what)
          answered++
        }
      }
      assert.equal(answered, calls.length * TRIES)
    })

    test('bodies that are no JSON object, and truncated ones', async () => {
      for (const call of calls) {
        const method = [call.method].flat().find((one) => one !== 'GET')
        if (method === undefined) continue
        const address = `${server.url}/api/${call.version ?? '2.0'}/mlflow/${call.path.replaceAll(/:\w+/g, 'x')}`
        for (const body of ['{', '[]', '7', '"text"', '"{}"', 'null', '{"a":"\\ud800"}', '\u0000', '[['.repeat(500)]) {
          const headers = { 'content-type': 'application/json' }
          const reply = await fetch(address, { method, headers, body })
          const text = await reply.text()
          assert.ok(reply.status < 500 || reply.status === 501, `${method} ${address} ${body.slice(0, 20)}: ${text}`)
        }
      }
    })
  })

function part(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return encodeURIComponent(text.slice(0, 400)) || 'x'
}

function queryOf(sent: Readonly<Record<string, unknown>>): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(sent)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      search.append(name, (typeof one === 'string' ? one : JSON.stringify(one)).slice(0, 2000))
    }
  }
  return `?${search.toString()}`
}
