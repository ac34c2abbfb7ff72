/** The token of a step at a gateway whose control process is gone: it ends by itself, also over a restart of the gateway. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { auditLog } from '../auth/audit.ts'
import { SYSTEM, tokens } from '../auth/tokens.ts'
import { makeIds } from '../contract/ids.ts'
import type { Backend } from '../scoring/rows/backend.ts'
import { openTemporaryStore } from '../store/open.ts'
import { endpointRoute, startTestGateway } from './gateway.fixture.ts'

const one: Backend = {
  ready: () => true,
  score: (rows) => rows.map(() => ({ prediction: 1, score: 1 })),
  close: async () => undefined,
  describe: () => ({ kind: 'test' }),
}
const INPUTS = [{ name: 'x', kind: 'number', required: true }] as const
test('ended while control is down, a token of an attempt is refused ten minutes later at the latest; one of a person goes on', async (t) => {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  const dataDir = mkdtempSync(join(tmpdir(), 'slipway-lease-'))
  t.after(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 }))
  // a minute after a round five: what is told now ends nine minutes later
  const began = Date.UTC(2026, 5, 1, 12, 1)
  t.mock.timers.enable({ apis: ['Date'], now: began })
  const clock = (): number => Date.now()
  const access = tokens({ db: store.db, clock, ids: makeIds(clock, randomBytes), audit: auditLog(clock) })
  const day = began + 86_400_000
  const step = await access.create(SYSTEM, { name: 'step', role: 'contributor', expires_at: day, attempt: 'at_1' })
  const person = await access.create(SYSTEM, { name: 'person', role: 'contributor', expires_at: day })
  const told = await access.valid()
  assert.equal(told.find(({ id }) => id === step.row.id)?.hash, sha256(step.token))

  const table = {
    format: 'slipway.routing/1',
    epoch: 1,
    open: false,
    endpoints: [endpointRoute('e', INPUTS as never, { kind: 'native', dir: '/none' })],
    tokens: told,
  } as const
  const gateway = await startTestGateway(table, { dataDir, openBackend: async () => one })
  t.after(() => gateway.stop())
  const status = async (port: number, token: string): Promise<number> => {
    const reply = await fetch(`http://127.0.0.1:${port}/v1/endpoints/e:predict`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ inputs: { x: 1 } }),
    })
    await reply.arrayBuffer()
    return reply.status
  }
  t.mock.timers.setTime(began + 9 * 60_000 - 1)
  assert.equal(await status(gateway.port, step.token), 200, 'steps go on while control is away for a moment')
  t.mock.timers.setTime(began + 9 * 60_000)
  assert.equal(await status(gateway.port, step.token), 401)
  assert.equal(await status(gateway.port, person.token), 200)
  const again = await startTestGateway(table, { dataDir, openBackend: async () => one, index: 1 })
  t.after(() => again.stop())
  assert.equal(await status(again.port, step.token), 401)
  assert.equal(await status(again.port, person.token), 200)
})

function sha256(token: string): string {
  return createHash('sha256')
    .update(token.split('.')[1] ?? '')
    .digest('hex')
}
