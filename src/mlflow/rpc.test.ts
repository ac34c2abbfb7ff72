/** MLflow's calls as routes: where arguments come from in each method, both prefixes, and what is no body. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Principal } from '../contract/access.ts'
import { problem } from '../contract/errors.ts'
import type { Problem } from '../contract/errors.ts'
import type { Call, Mounted } from '../http/mount.ts'
import { int, list, need, text } from './input.ts'
import { callsOf, rpcRoutes } from './rpc.ts'
import type { Rpc } from './rpc.ts'

const ROOT: Principal = { id: 'u', name: 'root', role: 'admin', project: null, token_id: null }
const FIELDS = { run_id: text(), max_results: int(), ids: list(need(text())) }

/** The routes of one call that answers with what it was given. */
function routesOf(more: Partial<Rpc> = {}): Mounted[] {
  const call = callsOf('runs').read.post('runs/search', 'Search', {
    fields: FIELDS,
    handle: async (input, who, headers) => ({ input, project: who.project, agent: headers['user-agent'] }),
  })
  return rpcRoutes([{ ...call, ...more }])
}

/** What the handler of a call got. */
async function ask(
  call: Partial<Call> & { query?: never; search?: URLSearchParams },
  more: Parameters<typeof routesOf>[0] = {},
) {
  const [route] = routesOf(more)
  assert.ok(route !== undefined)
  const search = call.search ?? new URLSearchParams()
  const given = { params: {}, body: undefined, headers: {}, who: ROOT, ...call, search }
  return (await route.handle(given as unknown as Call)) as { input: Record<string, unknown>; project: string | null }
}

/** MLflow's text of a refusal. */
async function refusal(work: Promise<unknown>): Promise<string> {
  const fault = await work.then(
    () => assert.fail('it was taken'),
    (error: Problem) => error,
  )
  assert.equal(fault.data['mlflow_code'], 'INVALID_PARAMETER_VALUE')
  return String(fault.data['detail'])
}

const NOTHING = { run_id: undefined, max_results: undefined, ids: [] }

test('a call is there under both prefixes, once for each of its methods', () => {
  const addresses = (more: Parameters<typeof routesOf>[0]) =>
    routesOf(more).map(({ route }) => `${route.method} ${route.path} ${route.body === 'json' ? 'json' : ''}`)
  assert.deepEqual(addresses({}), [
    'POST /api/2.0/mlflow/runs/search json',
    'POST /ajax-api/2.0/mlflow/runs/search json',
  ])
  assert.deepEqual(addresses({ method: ['GET', 'POST'], version: '3.0', path: 'traces/:id' }), [
    'GET /api/3.0/mlflow/traces/:id ',
    'GET /ajax-api/3.0/mlflow/traces/:id ',
    'POST /api/3.0/mlflow/traces/:id json',
    'POST /ajax-api/3.0/mlflow/traces/:id json',
  ])
})

test('a call is of the verb, the resource, the version and the methods by which it is described', () => {
  const work = { fields: {}, handle: async () => ({}) }
  const { deploy, read } = callsOf('endpoints', '3.0')
  const calls = [deploy.patch('a', 's', work), read.postOrGet('a', 's', work), deploy.delete('a', 's', work)]
  assert.deepEqual(
    calls.map(({ method, version, access }) => [method, version, access]),
    [
      ['PATCH', '3.0', { verb: 'deploy', resource: 'endpoints' }],
      [['POST', 'GET'], '3.0', { verb: 'read', resource: 'endpoints' }],
      ['DELETE', '3.0', { verb: 'deploy', resource: 'endpoints' }],
    ],
  )
})

test('a larger body is allowed where the call says so', () => {
  assert.deepEqual(
    [routesOf(), routesOf({ limit: 5 })].map((routes) => routes.map(({ route }) => route.limit)),
    [
      [undefined, undefined],
      [5, 5],
    ],
  )
})

test('GET takes its arguments from the query, a repeated key as a list where the field is one', async () => {
  const search = new URLSearchParams('run_id=a&run_id=b&ids=x&ids=y&max_results=5&more=1')
  const { input } = await ask({ search, body: { run_id: 'body' } }, { method: 'GET' })
  assert.deepEqual(input, { run_id: 'a', max_results: 5, ids: ['x', 'y'] })
  assert.deepEqual((await ask({ search: new URLSearchParams('ids=x') }, { method: 'GET' })).input['ids'], ['x'])
})

test('POST takes them from the body alone, DELETE from both, and the body wins', async () => {
  const search = new URLSearchParams('run_id=query&max_results=1')
  const body = { run_id: 'body' }
  assert.deepEqual((await ask({ search, body })).input, { ...NOTHING, run_id: 'body' })
  const deleted = await ask({ search, body }, { method: 'DELETE' })
  assert.deepEqual(deleted.input, { ...NOTHING, run_id: 'body', max_results: 1 })
  assert.deepEqual((await ask({ search }, { method: 'DELETE' })).input, { ...NOTHING, run_id: 'query', max_results: 1 })
})

test('parts of the path win over all else', async () => {
  const more = { path: 'runs/:run_id', method: 'DELETE' } as const
  const search = new URLSearchParams('run_id=query')
  const { input } = await ask({ params: { run_id: 'path' }, search, body: { run_id: 'body' } }, more)
  assert.equal(input['run_id'], 'path')
})

test('no body, null and JSON in a JSON string are bodies', async () => {
  for (const body of [undefined, null, {}, '{}']) assert.deepEqual((await ask({ body })).input, NOTHING)
  assert.deepEqual((await ask({ body: '{"run_id":"a"}' })).input, { ...NOTHING, run_id: 'a' })
})

for (const [body, expected] of [
  ['{', /does not hold JSON/],
  ['', /does not hold JSON/],
  ['[1]', /must be a JSON object/],
  ['null', /must be a JSON object/],
  ['"{}"', /must be a JSON object/],
  [[], /must be a JSON object/],
  [5, /must be a JSON object/],
  [true, /must be a JSON object/],
] as const) {
  test(`the body ${JSON.stringify(body)} is refused`, async () => {
    assert.match(await refusal(ask({ body })), expected)
  })
}

test('the caller is one of the project that the header names', async () => {
  const headers = { 'x-mlflow-workspace': 'team' }
  assert.equal((await ask({ headers })).project, 'team')
  assert.equal((await ask({})).project, null)
})

test('a refusal of a call is written in MLflow’s dialect', () => {
  const [route] = routesOf()
  const { status, body } = route?.fail?.(problem('not_found', { what: 'run', id: 'r' }), 'id') ?? assert.fail()
  assert.deepEqual([status, JSON.parse(body as string).error_code], [404, 'RESOURCE_DOES_NOT_EXIST'])
})
