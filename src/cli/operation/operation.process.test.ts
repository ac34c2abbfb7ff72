/** What commands of operation send and how they say the answers: costs, the audit chain, the collection, retention. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { authApi } from '../../contract/auth.ts'
import { costApi } from '../../contract/cost.ts'
import type { CostItem } from '../../contract/cost.ts'
import { retentionApi } from '../../contract/tracking/retention.ts'
import { AT } from '../answers.fixture.ts'
import { startRecorded } from '../recorded-server.fixture.ts'
import type { RecordedServer } from '../recorded-server.fixture.ts'
import { usage } from '../run-command.fixture.ts'

let server: RecordedServer
before(async () => {
  server = await startRecorded()
})
after(() => server.close())

describe('slipway cost', () => {
  const item: CostItem = {
    key: 'iris',
    label: 'iris',
    micro_dollars: 1_234_567,
    cpu_seconds: 2.71499,
    memory_gib_seconds: 2,
    storage_gib_months: 0.000_123_456,
    predictions: 2000,
    micro_dollars_per_1k: 617_284,
    llm_calls: 7,
    unpriced_calls: 3,
    input_tokens: 1000,
    output_tokens: 200,
    micro_dollars_per_1m_tokens: 2_500_000,
    entries: 4,
    unmeasured: 0,
  }

  it('says micro-dollars as dollars with six digits, and what belongs to none in brackets', async () => {
    const none = {
      ...item,
      key: '',
      label: 'no endpoint',
      micro_dollars: 1,
      micro_dollars_per_1k: null,
      predictions: 0,
      llm_calls: 0,
      unpriced_calls: 0,
      micro_dollars_per_1m_tokens: null,
    }
    server.answer(costApi.report, { items: [item, none], total_micro_dollars: 1_234_568 })
    const { tables, lines } = await server.slipway('cost')
    assert.equal(tables[0]?.head[0], 'endpoint')
    assert.deepEqual(tables[0]?.rows, [
      ['iris', '1.234567', '2.71', '2.00', '0.000123', '2000', '0.617284', '7', '2.500000', '4'],
      ['(no endpoint)', '0.000001', '2.71', '2.00', '0.000123', '0', '', '0', '', '4'],
    ])
    const unpriced = '3 calls of language models are in no amount: their price is not known'
    assert.deepEqual(lines, ['total $1.234568', unpriced])
  })

  it('asks for what is named, between times in UTC', async () => {
    server.answer(costApi.report, { items: [], total_micro_dollars: 0 })
    await server.slipway('cost', 'day', '--from', '2026-05-01T02:00+02:00', '--to', '2026-05-02T00:00Z')
    for (const by of ['run', 'project', 'endpoint']) await server.slipway('cost', by)
    assert.deepEqual(
      server.asked(costApi.report).map(({ query }) => query),
      [
        { by: 'day', from: '2026-05-01T00:00:00.000Z', to: '2026-05-02T00:00:00.000Z' },
        { by: 'run' },
        { by: 'project' },
        { by: 'endpoint' },
      ],
    )
  })

  it('sets a price to the nearest micro-dollar', async () => {
    const rate = { resource: 'cpu', unit: 'vCPU hour', micro_dollars: 40_000, from: AT, note: 'card' } as const
    server.answer(costApi.setRates, { items: [rate] })
    const { tables } = await server.slipway('cost', 'set', 'cpu', '0.04', '--from', AT, '--note', 'card')
    assert.deepEqual(tables[0]?.rows, [['cpu', '0.040000', 'vCPU hour', AT, 'card']])
    for (const price of ['0', '0.0000014', '0.0000016', '1e3']) await server.slipway('cost', 'set', 'memory', price)
    const sent = server.asked(costApi.setRates).map(({ body }) => (body as { rates: unknown[] }).rates[0])
    assert.deepEqual(sent, [
      { resource: 'cpu', micro_dollars: 40_000, note: 'card', from: AT },
      ...[0, 1, 2, 1e9].map((micro_dollars) => ({ resource: 'memory', micro_dollars, note: '' })),
    ])
  })

  it('refuses prices that are none, and sends nothing', async () => {
    server.answer(costApi.setRates, { items: [] })
    for (const price of ['-0.01', 'NaN', '4 cents', ''])
      await assert.rejects(server.slipway('cost', 'set', 'cpu', '--', price), usage(/needs a price in dollars/))
    await assert.rejects(server.slipway('cost', 'set'), usage(/cost set needs one of cpu, memory, storage/))
    await assert.rejects(server.slipway('cost', 'day', 'more'), usage(/"more" is one argument too many/))
    assert.deepEqual(server.asked(costApi.setRates), [])
  })
})

describe('slipway audit', () => {
  it('ends with 1 where the chain is broken, and names the row and why', async () => {
    server.answer(authApi.verifyAudit, {
      ok: false,
      seq: 7,
      reason: 'its hash is another',
      checkpoints: { count: 1, newest: AT, copied: 0, others: 0 },
      restored: [],
    })
    const { code, lines } = await server.slipway('audit', 'verify')
    assert.deepEqual([code, lines], [1, ['The audit chain is broken at row 7: its hash is another']])
  })

  it('has a row for each entry, with its detail as JSON', async () => {
    const row = {
      seq: 1,
      at: AT,
      actor: 'ada',
      token_id: null,
      verb: 'deploy',
      resource: 'endpoints',
      resource_id: 'iris',
    }
    server.answer(authApi.listAudit, { items: [{ ...row, detail: { version: '3' }, prev: '', hash: '' }] })
    const { tables } = await server.slipway('audit')
    assert.deepEqual(tables[0]?.rows, [[AT, 'ada', 'deploy', 'endpoints/iris', '{"version":"3"}']])
  })
})

describe('slipway gc', () => {
  it('deletes unless it is only to say what would go', async () => {
    const amounts = {
      stored: { blobs: 9, bytes: 900 },
      deleted: { blobs: 2, bytes: 20 },
      waiting: { blobs: 1, bytes: 5 },
    }
    server.answer(retentionApi.collect, { dry_run: false, ...amounts }, { dry_run: true, ...amounts })
    const shown = async (...words: string[]) => (await server.slipway('gc', ...words)).tables[0]?.rows
    const [stored, waits] = [
      ['stored', '9', '900'],
      ['unreachable, waits', '1', '5'],
    ]
    assert.deepEqual(await shown(), [stored, ['deleted', '2', '20'], waits])
    assert.deepEqual(await shown('--dry-run'), [stored, ['would go', '2', '20'], waits])
    assert.deepEqual(
      server.asked(retentionApi.collect).map(({ body }) => body),
      [{ dry_run: false }, { dry_run: true }],
    )
  })
})

describe('slipway retention', () => {
  const rule = {
    name: 'old',
    project: 'default',
    experiment_id: null,
    stage: 'active',
    older_than_days: 30,
    filter: '',
    keep_best: 0,
    keep_order: null,
  } as const

  it('makes a rule from its flags, with the defaults that the help names', async () => {
    const { project: _project, ...plain } = rule
    server.answer(retentionApi.create, { ...rule, enabled: true, id: 'r1', owner: 'ada', created_at: AT })
    await server.slipway('retention', 'add', 'old')
    const flags = ['--project', 'p', '--experiment', '7', '--older-than-days', '36500', '--filter', 'metrics.a < 1']
    await server.slipway('retention', 'add', 'old', ...flags, '--keep-best', '3', '--by', 'metrics.a ASC', '--bin')
    assert.deepEqual(
      server.asked(retentionApi.create).map(({ body }) => body),
      [
        plain,
        {
          name: 'old',
          project: 'p',
          experiment_id: '7',
          stage: 'deleted',
          older_than_days: 36_500,
          filter: 'metrics.a < 1',
          keep_best: 3,
          keep_order: 'metrics.a ASC',
        },
      ],
    )
    for (const flag of ['older-than-days=36501', 'older-than-days=-1', 'keep-best=1.5', 'keep-best=x'])
      await assert.rejects(
        server.slipway('retention', 'add', 'old', `--${flag}`),
        usage(/expected a whole number from 0 to/),
      )
  })

  it('lists what rules keep, and tells the bin from what is purged', async () => {
    const made = { enabled: true, id: 'r1', owner: 'ada', created_at: AT }
    const purge = {
      ...rule,
      name: 'bin',
      stage: 'deleted',
      experiment_id: '7',
      keep_best: 2,
      keep_order: 'metrics.a',
    } as const
    server.answer(retentionApi.list, {
      items: [
        { ...rule, ...made },
        { ...purge, ...made },
      ],
    })
    assert.deepEqual((await server.slipway('retention')).tables[0]?.rows, [
      ['old', 'default', 'all', 'to the bin', '30', '', ''],
      ['bin', 'default', '7', 'purged from the bin', '30', '', '2 by metrics.a'],
    ])
  })

  it('says of a rule what would go and of its use what went', async () => {
    const removal = {
      rule: 'old',
      stage: 'active',
      total: 2,
      runs: [{ id: 'r1', name: 'first', experiment_id: '7' }],
      kept: [{ reason: 'they are registered', runs: 3 }],
      freed: { blobs: 4, bytes: 50 },
    } as const
    const answer = { ...removal, runs: [...removal.runs], kept: [...removal.kept] }
    server.answer(retentionApi.preview, answer)
    server.answer(retentionApi.apply, { ...answer, stage: 'deleted' })
    const preview = await server.slipway('retention', 'preview', 'old')
    assert.deepEqual(preview.lines, [
      '2 runs would go to the bin; 4 blobs, 50 bytes with them',
      '3 stay: they are registered',
    ])
    assert.deepEqual(preview.tables[0]?.rows, [['r1', 'first', '7']])
    const [applied] = (await server.slipway('retention', 'apply', 'old')).lines
    assert.equal(applied, '2 runs went for good; 4 blobs, 50 bytes with them')
    assert.deepEqual(
      [retentionApi.preview, retentionApi.apply].map((route) => server.asked(route).length),
      [1, 1],
    )
  })
})
