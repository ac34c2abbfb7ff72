/** Schemas of serving and of the page of an endpoint at their edges. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ABSENT, defaults, edges } from './edges.cases.ts'
import { endpointViewApi } from './endpoint-view.ts'
import { Limits, servingApi, Variant } from './serving.ts'

const text = (size: number): string => 'x'.repeat(size)

edges('the bounds of an endpoint', Limits, { per_token: { per_second: 1, burst: 1 }, cache: { seconds: 1, rows: 1 } }, [
  ['per_token', [null, ABSENT], [{}, { per_second: 1 }, { burst: 1 }, 5]],
  ['per_token.per_second', [0.1, 1e6], [0, -1, '1', null]],
  ['per_token.burst', [1, 1e6], [0, 1.5, '1', null]],
  ['queue_rows', [1, 1_000_000, null, ABSENT], [0, 1_000_001, 1.5, '1']],
  ['queue_bytes', [1024, 4_294_967_296, null, ABSENT], [1023, 4_294_967_297, 1024.5]],
  ['timeout_ms', [1, 0.5 + 1, 300_000, null, ABSENT], [0, 0.5, 300_001, '1']],
  ['cache', [null, ABSENT], [{}, true]],
  ['cache.seconds', [0.1, 86_400], [0, -1, 86_401]],
  ['cache.rows', [1, 1_000_000], [0, 1_000_001, 1.5]],
  ['explain_share', [0, 0.5, 1, null, ABSENT], [-0.1, 1.1, '1']],
  ['queue', [], [5]],
])

edges('an endpoint', servingApi.putEndpoint.body, { project: 'flights', model: 'delay' }, [
  ['project', ['a', text(128)], ['', text(129), 'a b', null, ABSENT]],
  ['model', ['a', 'a model', text(256)], ['', text(257), null, ABSENT]],
  ['threshold', [0, -1, 0.5, null, ABSENT], ['0.5', Number.NaN]],
  ['monitor', [{}, { slices: [] }, { labels: { delay: '3h' } }, ABSENT], [[], 'on', null]],
  ['version', [], ['1']],
])

test('the monitor of an endpoint: what is given is kept, and what nobody can read is refused by its field', () => {
  const body = (monitor: unknown) => servingApi.putEndpoint.body.safeParse({ project: 'p', model: 'm', monitor })
  assert.deepEqual(body({ labels: { delay: '90m' } }).data?.monitor, { labels: { delay: '90m' } })
  for (const [monitor, field] of [
    [{ labels: { delay: 'zz' } }, 'monitor.labels.delay'],
    [{ false_alerts: 'many' }, 'monitor.false_alerts'],
    [{ of_nobody: 1 }, 'monitor'],
  ] as const)
    assert.equal(body(monitor).error?.issues[0]?.path.join('.'), field)
})

edges('the name of an endpoint', servingApi.getEndpoint.params, { name: 'delay' }, [
  ['name', ['a', 'a.b-c_9'], ['', '.a', 'a/b', 'a b', text(129), ABSENT]],
])

edges('a deploy', servingApi.deploy.body, { version: '2' }, [
  ['version', ['1', text(64)], ['', text(65), 2, null, ABSENT]],
  ['reason', ['r', text(1000), ABSENT], ['', text(1001), null]],
  ['override_freeze', [true, false, ABSENT], ['true', null]],
  ['weight', [], [1]],
])

edges('a rollback', servingApi.rollbackEndpoint.body, {}, [
  ['reason', ['', text(1000), ABSENT], [text(1001), null]],
  ['version', [], ['1']],
])

edges('the prediction log', servingApi.listPredictions.query, {}, [
  ['from', ['2026-05-03T00:00:00Z', ABSENT], ['', 'now']],
  ['until', ['2026-05-03T00:00:00Z', ABSENT], ['2026-05-03']],
  ['version', ['', text(64), ABSENT], [text(65)]],
  ['role', ['stable', 'canary', 'shadow', ABSENT], ['main', '']],
  ['failed', ['true', 'false', ABSENT], ['1', '', 'yes']],
  ['explained', ['true', ABSENT], ['false', '1']],
  ['limit', ['1', '1000', ABSENT], ['0', '1001']],
])

const span = { from: '2026-05-03T00:00:00Z', until: '2026-05-04T00:00:00Z' }
edges('attributions', servingApi.getAttributions.query, span, [
  ['from', [], ['', ABSENT]],
  ['until', [], ['', ABSENT]],
  ['baseline_from', ['2026-05-01T00:00:00Z', ABSENT], ['']],
])

edges('the version that is made ready', servingApi.makeReady.params, { name: 'delay', version: '1' }, [
  ['name', ['a model', text(256)], ['', text(257), ABSENT]],
  ['version', ['1', text(64)], ['', text(65), ABSENT]],
])

const variant = {
  role: 'canary',
  version: '2',
  weight: 500,
  backend: 'native',
  backend_reason: null,
  since: '2026-05-03T00:00:00Z',
  tripped: null,
  override: null,
  fault: null,
  stats: null,
}
edges('a variant', Variant, variant, [
  ['weight', [0, 10_000], [-1, 10_001, 0.5, '500']],
  ['role', ['stable', 'shadow'], ['main', null]],
  ['backend', ['onnx', 'python'], ['triton', null]],
  ['stats', [], [{}, undefined]],
])

edges('latency', endpointViewApi.latency.query, {}, [
  ['span_s', ['1', '31622400', ABSENT], ['0', '31622401', '1.5', 'hour']],
  ['windows', ['1', '500', ABSENT], ['0', '501', '1.5']],
  ['from', ['2026-05-03T00:00:00Z', ABSENT], ['now']],
])
defaults('latency', endpointViewApi.latency.query, {}, { span_s: 3600, windows: 120 })

edges('a row to try', endpointViewApi.tryIt.body, { inputs: { a: 1 } }, [
  ['inputs', [{}, { a: 'x', b: 1, c: true, d: null }], [[], null, 'a', { a: [1] }, { a: {} }, ABSENT]],
  ['key', [], ['k']],
])
