/** `slipway messages`: what webhooks were told, what was given up, and sending it again. */
import type { Notice, NoticeRoute } from '../../contract/monitoring.ts'
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { monitoringApi } from '../../contract/monitoring.ts'
import { monitor } from '../answers.fixture.ts'
import { startRecorded } from '../recorded-server.fixture.ts'
import type { RecordedServer } from '../recorded-server.fixture.ts'

const AT = '2026-05-02T10:00:00.000Z'

let server: RecordedServer
before(async () => (server = await startRecorded()))
after(() => server.close())

const route: NoticeRoute = {
  name: 'webhook',
  to: 'https://alerts.example.org/***',
  from: 'medium',
  state: 'ok',
  waiting: 0,
  dead: 1,
  waiting_since: null,
  delivered_at: AT,
  last_error: 'it answered with status 410',
}
const notice: Notice = {
  id: 'ntc_1',
  route: 'webhook',
  incident_id: 'inc_1',
  status: 'firing',
  at: AT,
  state: 'dead',
  attempts: 1,
  next_at: null,
  ended_at: AT,
  last_status: 410,
  last_error: 'it answered with status 410',
  body: {},
}

function answer(webhooks: NoticeRoute[]): void {
  server.answer(monitoringApi.getMonitor, {
    ...monitor(),
    webhooks,
  })
  server.answer(monitoringApi.listNotices, { items: [notice] })
}

describe('slipway messages', () => {
  it('are listed under the webhooks and how these do', async () => {
    answer([route])
    const { code, lines, tables } = await server.slipway('messages', 'iris', '--state', 'dead')
    assert.deepEqual(
      [code, lines],
      [0, ['webhook (https://alerts.example.org/***, from medium severity on): ok, 0 waiting, 1 given up']],
    )
    assert.deepEqual(tables[0]?.rows, [
      ['ntc_1', 'webhook', 'inc_1', 'firing', 'dead', '1', AT, 'it answered with status 410'],
    ])
    assert.equal(server.asked(monitoringApi.listNotices)[0]?.query['state'], 'dead')
  })

  it('end with 1 where a webhook takes none, and say so where there is none', async () => {
    answer([{ ...route, state: 'failing' }])
    const failing = await server.slipway('messages', 'iris')
    assert.deepEqual([failing.code, failing.lines[0]?.endsWith('1 given up: it answered with status 410')], [1, true])
    answer([])
    const none = await server.slipway('messages', 'iris')
    assert.deepEqual([none.code, none.lines], [0, ['the monitor of iris has no webhook']])
  })

  it('are sent again by their id', async () => {
    server.answer(monitoringApi.resendNotice, { ...notice, state: 'waiting' })
    assert.deepEqual((await server.slipway('messages', 'iris', '--resend', 'ntc_1')).lines, [
      'ntc_1 is sent again to webhook',
    ])
    assert.deepEqual(server.asked(monitoringApi.resendNotice)[0]?.params, ['iris', 'ntc_1'])
  })

  it('need an endpoint, and a state that there is', async () => {
    await assert.rejects(server.slipway('messages'), /messages needs an endpoint/)
    await assert.rejects(server.slipway('messages', 'iris', '--state', 'gone'), /expected waiting, delivered, dead/)
  })
})
