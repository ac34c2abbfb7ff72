/** What commands about endpoints ask of a server, and how they say its answers: variants, incidents, freezes, deploys, rollbacks. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { problem } from '../../contract/errors.ts'
import { monitoringApi } from '../../contract/monitoring.ts'
import type { Incident } from '../../contract/monitoring.ts'
import { rolloutApi } from '../../contract/rollout.ts'
import { servingApi } from '../../contract/serving.ts'
import { endpointViewApi } from '../../contract/endpoint-view.ts'
import type { Deployment } from '../../contract/serving.ts'
import { AT, endpoint, rollout, variant } from '../answers.fixture.ts'
import { startRecorded, TOKEN } from '../recorded-server.fixture.ts'
import type { RecordedServer } from '../recorded-server.fixture.ts'
import { usage } from '../run-command.fixture.ts'

let server: RecordedServer
before(async () => {
  server = await startRecorded()
})
after(() => server.close())

const deployment: Deployment = {
  number: 2,
  version: '1',
  previous_version: '2',
  at: AT,
  by: 'ada',
  way: 'rolled_back',
  reason: 'worse',
  rollout: null,
  not_judged: [{ gate: 'quality', reason: 'no labels yet' }],
}
const unwatched = {
  endpoint: 'iris',
  watched: {
    state: 'unwatched',
    reason: 'off',
    detail: 'its monitor is switched off',
    since: AT,
    remedy: 'switch it on',
  },
} as const

describe('slipway endpoints', () => {
  const override = { by: 'eve', role: 'admin', at: AT, reason: 'the desk waits', refusal: 'auc at least 0.8' }
  const stats = {
    window_s: 60,
    requests: 120,
    rows: 240,
    errors: 3,
    requests_per_s: 2,
    p50_ms: 0.5,
    p95_ms: 1,
    p99_ms: 1.2345,
  }

  it('has a row for each variant, with shares in per cent and figures where there are some', async () => {
    const canary = variant({ role: 'canary', version: '2', weight: 525, backend: 'python', stats })
    const idle = variant({ override, stats: { ...stats, errors: 0, requests_per_s: 0, p99_ms: null } })
    server.answer(servingApi.listEndpoints, {
      items: [endpoint({ variants: [variant(), canary], deployment }), endpoint({ name: 'other', variants: [idle] })],
    })
    server.answer(endpointViewApi.listWatched, { items: [unwatched] })
    const { tables, data } = await server.slipway('endpoints')
    assert.deepEqual(tables, [
      {
        head: ['endpoint', 'variant', 'version', 'came', 'monitor', 'share', 'backend', 'req/s', 'p99 ms', 'errors'],
        rows: [
          ['iris', 'stable', '1', 'rolled back; not judged: quality', 'unwatched', '100 %', 'native', '', '', ''],
          ['iris', 'canary', '2', '', '', '5.25 %', 'python', '2.0', '1.23', '3'],
          ['other', 'stable, gates overridden', '1', '', '', '100 %', 'native', '0.0', '', '0'],
        ],
      },
    ])
    assert.equal((data[0] as unknown[]).length, 2)
    assert.equal(server.asked(servingApi.listEndpoints)[0]?.authorization, `Bearer ${TOKEN}`)
  })

  it('shows one with why Python answers and with its own rollouts', async () => {
    const variants = [
      variant({ override }),
      variant({ role: 'shadow', version: '2', weight: 0, backend: 'python', backend_reason: 'a pipeline' }),
    ]
    server.answer(servingApi.getEndpoint, endpoint({ variants, deployment }))
    server.answer(rolloutApi.list, {
      items: [rollout({ state: 'shadow', step: 'shadow' }), rollout({ state: 'promoted' })],
    })
    server.answer(servingApi.listDeployments, { items: [deployment] })
    server.answer(endpointViewApi.listWatched, { items: [unwatched] })
    const { lines, tables } = await server.slipway('endpoints', 'iris')
    assert.deepEqual(lines, [
      'iris serves iris-model: http://gateway/iris',
      '  stable version 1, 100 %, native',
      `    gates overridden by eve at ${AT}: the desk waits (auc at least 0.8)`,
      `    since ${AT}, rolled back from version 2 by ada: worse`,
      '    not judged: quality (no labels yet)',
      '    unwatched: its monitor is switched off',
      '  shadow version 2, 0 %, python (a pipeline)',
    ])
    assert.deepEqual(tables[0]?.rows, [
      ['rol_1', '2', 'shadow', 'shadow', 'its gates hold'],
      ['rol_1', '2', 'promoted, replaced since', '5 %', 'its gates hold'],
    ])
    assert.deepEqual(tables[1]?.rows, [[AT, '1', '2', 'rolled back', 'ada', 'worse']])
    assert.deepEqual(server.asked(servingApi.getEndpoint)[0]?.params, ['iris'])
    assert.deepEqual(server.asked(rolloutApi.list)[0]?.query, { endpoint: 'iris', limit: '10' })
  })
})

describe('slipway deploy', () => {
  it('asks for the version, and for a freeze or gates to be passed over only when that is said', async () => {
    server.answer(servingApi.deploy, endpoint())
    const { lines, code } = await server.slipway('deploy', 'iris', '3')
    assert.deepEqual([code, lines], [0, ['iris answers with version 3']])
    await server.slipway('deploy', 'iris', '3', '--reason', 'asked for', '--override-freeze')
    await server.slipway('deploy', 'iris', '3', '--reason', 'asked for', '--override-gates')
    assert.deepEqual(
      server.asked(servingApi.deploy).map(({ body }) => body),
      [
        { version: '3' },
        { version: '3', reason: 'asked for', override_freeze: true },
        { version: '3', reason: 'asked for', override_gates: true },
      ],
    )
  })

  it('says that Python answers, and why', async () => {
    const proving = 'its native form is being proved; it takes over by itself'
    server.answer(servingApi.deploy, endpoint({ variants: [variant({ backend: 'python', backend_reason: proving })] }))
    const { lines } = await server.slipway('deploy', 'iris', '3')
    assert.deepEqual(lines, [`iris answers with version 3, by Python: ${proving}`])
  })

  it('makes the endpoint of a model where it is told one, and takes a new one away that no version came to', async () => {
    const words = ['deploy', 'iris-model', '3', '--endpoint']
    server.answer(servingApi.listEndpoints, { items: [endpoint()] })
    server.answer(servingApi.putEndpoint, endpoint())
    server.answer(servingApi.deploy, endpoint())
    server.answer(servingApi.deleteEndpoint, {})
    assert.deepEqual((await server.slipway(...words, 'new')).lines, ['new answers with version 3'])
    const [made] = server.asked(servingApi.putEndpoint)
    assert.deepEqual([made?.params, made?.body], [['new'], { project: 'default', model: 'iris-model' }])
    const refused = { code: 'gate_refused' }
    server.answer(servingApi.deploy, problem('gate_refused', { model: 'iris-model', version: '3', alias: 'stable' }))
    await assert.rejects(server.slipway(...words, 'iris', '--project', 'flowers'), refused)
    assert.deepEqual(server.asked(servingApi.putEndpoint).at(-1)?.body, { project: 'flowers', model: 'iris-model' })
    assert.deepEqual(server.asked(servingApi.deleteEndpoint), [], 'it was there before')
    server.answer(servingApi.getEndpoint, endpoint(), endpoint({ variants: [] }))
    await assert.rejects(server.slipway(...words, 'new'), refused)
    assert.deepEqual(server.asked(servingApi.deleteEndpoint), [], 'somebody else has deployed to it')
    await assert.rejects(server.slipway(...words, 'new'), refused)
    assert.deepEqual(server.asked(servingApi.deleteEndpoint)[0]?.params, ['new'])
    server.answer(servingApi.deploy, problem('unavailable', { what: 'the gateway', detail: 'it starts' }))
    await assert.rejects(server.slipway(...words, 'other'), { code: 'unavailable' })
    assert.equal(server.asked(servingApi.deleteEndpoint).length, 1, 'the version may have come all the same')
  })

  it('does not say that a version answers which does not', async () => {
    server.answer(servingApi.deploy, endpoint({ variants: [variant({ version: '3', fault: 'no such file' })] }))
    const { lines, code } = await server.slipway('deploy', 'iris', '3')
    assert.deepEqual([code, lines], [1, ['iris is to answer with version 3, and does not yet: no such file']])
  })

  it('needs an endpoint and a version', async () => {
    for (const words of [[], ['iris']])
      await assert.rejects(server.slipway('deploy', ...words), usage(/deploy needs an endpoint and a version/))
  })

  it('hands on why a frozen endpoint stays', async () => {
    server.answer(servingApi.deploy, problem('conflict', { detail: 'iris is frozen' }))
    await assert.rejects(server.slipway('deploy', 'iris', '3'), {
      code: 'conflict',
      status: 409,
      message: 'iris is frozen',
    })
  })
})

describe('slipway rollback', () => {
  it('says the version that is stable after it, not that of a canary', async () => {
    const variants = [variant({ role: 'canary', version: '3', weight: 500 }), variant({ version: '1' })]
    server.answer(servingApi.rollbackEndpoint, endpoint({ variants }), endpoint({ variants: [] }))
    server.answer(endpointViewApi.listWatched, { items: [unwatched] }, { items: [] })
    assert.deepEqual((await server.slipway('rollback', 'iris')).lines, [
      'iris answers with version 1 again',
      'Not watched: its monitor is switched off. Remedy: switch it on.',
    ])
    assert.deepEqual((await server.slipway('rollback', 'iris', '--reason', 'x')).lines, [
      'iris answers with version none again',
    ])
    assert.deepEqual(
      server.asked(servingApi.rollbackEndpoint).map(({ body }) => body),
      [{}, { reason: 'x' }],
    )
    await assert.rejects(server.slipway('rollback'), usage(/rollback needs an endpoint/))
  })
})

describe('slipway freeze', () => {
  it('lists who froze what until when, and says by whom it ends', async () => {
    const items = [
      { endpoint: 'iris', reason: 'end of quarter', until: null, by: 'ada' },
      { endpoint: 'delay', reason: 'weekend', until: AT, by: null },
    ]
    server.answer(rolloutApi.freezes, { items })
    for (const words of [[], ['list']]) {
      const { tables, lines } = await server.slipway('freeze', ...words)
      assert.deepEqual(lines, [])
      assert.deepEqual(tables[0]?.rows, [
        ['iris', 'ada', 'it is lifted', 'end of quarter'],
        ['delay', 'its plan', AT, 'weekend'],
      ])
    }
  })

  it('sends a time in UTC, whatever zone it was written in', async () => {
    const freeze = { reason: 'r', until: AT, at: AT, by: 'ada' }
    server.answer(rolloutApi.freeze, { freeze }, { freeze: { ...freeze, until: null } })
    const timed = await server.slipway('freeze', 'add', 'iris', '--reason', 'r', '--until', '2026-05-03T12:00+02:00')
    assert.deepEqual(timed.lines, [`iris is frozen until ${AT}: r`])
    const open = await server.slipway('freeze', 'add', 'iris', '--reason', 'r')
    assert.deepEqual(open.lines, ['iris is frozen until it is lifted: r'])
    assert.deepEqual(
      server.asked(rolloutApi.freeze).map(({ body }) => body),
      [{ reason: 'r', until: AT }, { reason: 'r' }],
    )
  })

  it('is lifted for the endpoint that is named', async () => {
    server.answer(rolloutApi.thaw, { freeze: null })
    assert.deepEqual((await server.slipway('freeze', 'remove', 'iris')).lines, ['iris is not frozen by hand'])
    assert.deepEqual(server.asked(rolloutApi.thaw)[0]?.params, ['iris'])
    await assert.rejects(server.slipway('freeze', 'add'), usage(/freeze add needs an endpoint/))
  })
})

describe('slipway incidents', () => {
  const cause = {
    features: [],
    evidence: {},
    severity: null,
    began_event_time: null,
    seen_event_time: null,
    ended_event_time: null,
  }
  const incident: Incident = {
    id: 'inc_1',
    endpoint: 'iris',
    title: 'temp drifts',
    kind: 'drift',
    severity: 'high',
    state: 'open',
    opened_at: AT,
    opened_event_time: AT,
    began_event_time: '2026-05-02T07:00:00.000Z',
    resolved_at: null,
    resolved_event_time: null,
    pages: true,
    times_paged: 1,
    causes: [
      {
        ...cause,
        rank: 1,
        kind: 'unit_change',
        title: 'unit changed',
        score: 0.876,
        began_event_time: AT,
        severity: 'high',
      },
      {
        ...cause,
        rank: 2,
        kind: 'shift',
        title: 'age moved',
        score: 0.3,
        severity: 'low',
        began_event_time: AT,
        ended_event_time: '2026-05-02T09:00:00.000Z',
      },
      { ...cause, rank: 3, kind: 'deploy', title: 'a deploy', score: 0.1 },
    ],
    checks: [],
    affected: { rows: 12, share: 0.5, marked_bad: 3 },
    timeline: [],
    actions: [{ action: 'retrain', preview: 'runs the pipeline', allowed: true }],
  }

  it('are listed by when their data began to differ', async () => {
    server.answer(monitoringApi.listIncidents, { items: [incident] })
    const { tables } = await server.slipway('incidents')
    assert.deepEqual(tables[0]?.rows, [['inc_1', 'iris', 'high', 'open', '2026-05-02T07:00:00.000Z', 'temp drifts']])
  })

  it('are shown with their causes in order and what can be done', async () => {
    server.answer(monitoringApi.getIncident, incident)
    const { lines } = await server.slipway('incidents', 'inc_1')
    assert.deepEqual(lines, [
      'temp drifts (high, open)',
      'affected: 12 rows, 3 marked bad',
      `  1. unit changed (0.88, high, since ${AT})`,
      `  2. age moved (0.30, low, since ${AT}, over at 2026-05-02T09:00:00.000Z)`,
      '  3. a deploy (0.10)',
      '  can: retrain: runs the pipeline',
    ])
  })
})
