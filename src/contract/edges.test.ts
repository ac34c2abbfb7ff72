/** Schemas of identity, cost, retention, searches, webhooks, traces, tables of runs and transfer at their edges. */
import { authApi } from './auth.ts'
import { costApi } from './cost.ts'
import { ABSENT, copies, defaults, edges } from './edges.cases.ts'
import { retentionApi } from './tracking/retention.ts'
import { runTableApi } from './tracking/run-table.ts'
import { searchesApi } from './tracking/searches.ts'
import { tracesApi } from './traces.ts'
import { trackingApi } from './tracking.ts'
import { transferApi } from './transfer.ts'
import { webhooksApi } from './webhooks.ts'

const text = (size: number): string => 'x'.repeat(size)
const HASH = `sha256:${'a'.repeat(64)}`

edges('a token', authApi.createToken.body, { name: 'ci', role: 'viewer' }, [
  ['name', ['a', 'any text / at all', text(128)], ['', text(129), null, ABSENT]],
  ['role', ['viewer', 'contributor', 'maintainer', 'admin', 'service'], ['root', 'Admin', '', null, ABSENT]],
  ['project', ['a', text(128), null, ABSENT], ['', text(129), 5]],
  ['expires_in_days', [1, 3650, ABSENT], [0, 3651, 1.5, '1', null]],
])
edges('a login', authApi.login.params, { code: 'abc' }, [['code', [text(128)], [text(129), ABSENT]]])
edges('the audit trail', authApi.listAudit.query, {}, [
  ['resource', ['models', text(64), ABSENT], [text(65)]],
  ['resource_id', ['a', text(256), ABSENT], [text(257)]],
  ['limit', ['1', '1000', ABSENT], ['0', '1001']],
])

edges('a report of costs', costApi.report.query, {}, [
  ['by', ['run', 'endpoint', 'project', 'day', ABSENT], ['hour', '', null]],
  ['from', ['2026-05-03T00:00:00Z', ABSENT], ['2026-05-03', '']],
  ['to', ['2026-05-03T00:00:00Z', ABSENT], ['today']],
])
defaults('a report of costs', costApi.report.query, {}, { by: 'day' })
const rate = { resource: 'cpu', micro_dollars: 40_000 }
edges('rates', costApi.setRates.body, { rates: [rate] }, [
  ['rates', [copies(100, rate)], [[], copies(101, rate), rate, ABSENT]],
  ['rates.0.resource', ['cpu', 'memory', 'storage'], ['gpu', '', null, ABSENT]],
  ['rates.0.micro_dollars', [0, 1_000_000_000_000], [-1, 1_000_000_000_001, 0.5, '1', null, ABSENT]],
  ['rates.0.from', ['2026-05-03T00:00:00Z', ABSENT], ['now', null]],
  ['rates.0.note', ['', text(500), ABSENT], [text(501), null]],
  ['rates.0.unit', [], ['vCPU hour']],
  ['currency', [], ['EUR']],
])

const rule = { name: 'old', stage: 'active', older_than_days: 30 }
edges('a rule of retention', retentionApi.create.body, rule, [
  ['name', ['a', text(128)], ['', 'a b', text(129), ABSENT]],
  ['project', ['default', ABSENT], ['', 'a b', null]],
  ['experiment_id', ['1', null, ABSENT], ['', text(129), 1]],
  ['stage', ['active', 'deleted'], ['all', '', null, ABSENT]],
  ['older_than_days', [0, 0.5, 36_500], [-1, 36_501, '30', null, ABSENT]],
  ['filter', ['', text(20_000), ABSENT], [text(20_001), null]],
  ['keep_best', [0, 100_000, ABSENT], [-1, 100_001, 0.5, null]],
  ['keep_order', ['metrics.auc DESC', text(512), null, ABSENT], ['', text(513)]],
  ['enabled', [true, false, ABSENT], ['yes', null]],
  ['id', [], ['r1']],
])
defaults('a rule of retention', retentionApi.create.body, rule, {
  ...rule,
  project: 'default',
  experiment_id: null,
  filter: '',
  keep_best: 0,
  keep_order: null,
  enabled: true,
})
edges('a collection', retentionApi.collect.body, {}, [
  ['dry_run', [true, false, ABSENT], ['true', null]],
  ['force', [], [true]],
])

const saved = { name: 'best' }
edges('a saved search', searchesApi.create.body, saved, [
  ['name', ['a', text(128)], ['', 'a b', text(129), ABSENT]],
  ['entity', ['runs', 'experiments', ABSENT], ['models', null]],
  ['experiment_ids', [[], ['1'], copies(100, '1'), ABSENT], [copies(101, '1'), [''], [1], '1']],
  ['filter', ['', text(20_000), ABSENT], [text(20_001), null]],
  ['order_by', [[], copies(8, 'a'), ABSENT], [copies(9, 'a'), [''], [text(513)], 'a']],
  ['columns', [[], copies(200, 'a'), ABSENT], [copies(201, 'a'), ['']]],
  ['grouping', ['params.model', text(512), null, ABSENT], ['', text(513), 5]],
  ['owner', [], ['ann']],
])
defaults('a saved search', searchesApi.create.body, saved, {
  name: 'best',
  entity: 'runs',
  experiment_ids: [],
  filter: '',
  order_by: [],
  columns: [],
  grouping: null,
})
defaults('a change of a saved search leaves out what it does not name', searchesApi.update.body, {}, {})
edges('the runs that a search finds', searchesApi.runs.query, {}, [
  ['page_token', [text(8192), ABSENT], [text(8193)]],
  ['limit', ['1', '1000'], ['0', '1001']],
])

edges('deliveries', webhooksApi.listWebhookDeliveries.query, {}, [
  ['state', ['waiting', 'delivered', 'dead', ABSENT], ['sent', '', null]],
])

edges('a list of traces', tracesApi.listTraces.query, {}, [
  ['limit', ['1', '500', ABSENT], ['0', '501', 'all']],
  ['experiment_id', ['1', '1,2', ['1', '2'], copies(100, '1'), ABSENT], [copies(101, '1'), 5]],
  ['order_by', ['a', copies(8, 'a'), ABSENT], [copies(9, 'a')]],
  ['filter', ['', text(20_000), ABSENT], [text(20_001)]],
  ['page_token', [text(8192), ABSENT], [text(8193)]],
])
edges('a list of runs', trackingApi.listRuns.query, {}, [
  ['view', ['active', 'deleted', 'all', ABSENT], ['both', '']],
  ['metrics', ['a,b', copies(200, 'a'), ABSENT], [copies(201, 'a'), text(513)]],
  ['limit', ['1', '1000'], ['0', '1001']],
])
edges('the history of a metric', trackingApi.getRunMetrics.query, { key: 'loss' }, [
  ['key', ['a', 'a/b c', text(250)], ['', text(251), ABSENT]],
  ['max_points', ['4', '10000', ABSENT], ['3', '10001', '4.5']],
])
defaults('the history of a metric', trackingApi.getRunMetrics.query, { key: 'loss' }, { key: 'loss', max_points: 500 })

edges('groups of runs', runTableApi.groups.query, { by: 'params.lr' }, [
  [
    'by',
    [
      'tags.team',
      'params.a.b',
      'attributes.status',
      'attributes.user_id',
      'attributes.experiment_id',
      `tags.${text(250)}`,
    ],
    ['params.', 'metrics.loss', 'attributes.name', 'lr', '', `tags.${text(251)}`, ABSENT],
  ],
  ['metrics', ['a', 'a,b', '', copies(8, 'a'), ABSENT], [copies(9, 'a'), text(251)]],
  ['limit', ['1', '1000', ABSENT], ['0', '1001']],
  ['view', ['all', ABSENT], ['both']],
])
edges('curves', runTableApi.curves.query, { ids: 'a,b', key: 'loss' }, [
  ['ids', ['a', copies(100, 'a')], ['', ',', copies(101, 'a'), ABSENT]],
  ['from_step', ['0', '-5', ABSENT], ['1.5', 'first']],
  ['max_points', ['4', '10000', ABSENT], ['3', '10001']],
])

edges('rows of a transfer', transferApi.write.body, { rows: [{ id: 'a', n: 1, none: null }] }, [
  ['rows', [copies(2000, {})], [[], copies(2001, {}), [{ a: true }], [{ a: [] }], ABSENT]],
  ['import_id', ['i1', ABSENT], ['', text(129), null]],
  ['dry_run', [true, ABSENT], ['true', null]],
  ['follow', [true, ABSENT], [1]],
  ['table', [], ['runs']],
])
edges('a read of a transfer', transferApi.read.query, {}, [
  ['limit', ['1', '2000', ABSENT], ['0', '2001']],
  ['after', [text(65_536), ABSENT], [text(65_537)]],
  ['project', ['a', ABSENT], ['', text(129)]],
  ['model', [text(256), ABSENT], ['', text(257)]],
])
edges('blobs that may be missing', transferApi.missing.body, { digests: [HASH] }, [
  ['digests', [[], copies(1000, HASH)], [copies(1001, HASH), ['abc'], HASH, ABSENT]],
])
edges('an import', transferApi.begin.body, { kind: 'mlflow', place: 'https://example.org' }, [
  ['kind', ['wandb', 'bundle'], ['tensorboard', '', ABSENT]],
  ['place', ['a', text(2000)], ['', text(2001), ABSENT]],
])
edges('parts of an import', transferApi.parts.body, { parts: ['a'] }, [
  ['parts', [[], [text(512)], copies(1000, 'a')], [[''], [text(513)], copies(1001, 'a'), ABSENT]],
  ['done', [true, ABSENT], ['yes']],
])
