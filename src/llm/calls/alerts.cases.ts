/** Cases: who is told that a budget has reached a part of its limit, and how often. */
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { NewBudget } from '../../contract/llm/budgets.ts'
import type { LlmCallRecord } from '../../gateway/llm/records/record.ts'
import { windowStart } from '../../gateway/llm/money/windows.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { changeBudget, createBudget } from '../keys/budgets.ts'
import { roomWithTokens } from '../keys/room.fixture.ts'
import { resetLlm } from '../removal.ts'
import { tellBudgets } from './alerts.ts'
import { callOf } from './call.fixture.ts'
import { writeCalls } from './rows.ts'

const NO_PORTS = { charge: () => Promise.resolve(), trace: () => Promise.resolve([]) }
const DAY = 86_400_000
const DOLLAR = 1_000_000_000

export function alertCases(bench: Bench): void {
  describe('parts of a budget', () => {
    beforeEach(() => resetLlm(bench.room.db))
    const who = () => bench.member('red')
    const make = (given: object = {}) =>
      createBudget(
        roomWithTokens(bench),
        who(),
        NewBudget.parse({ scope: 'team', of: 'ops', window: 'day', limit: 1, alert_at: [0.5, 0.8, 1], ...given }),
      )

    let calls = 0
    /** Takes calls of these costs in, in one transaction; what was told. */
    async function spend(budget: string, ...costs: number[]): Promise<Readonly<Record<string, unknown>>[]> {
      const now = bench.room.clock()
      const some = costs.map((cost): LlmCallRecord =>
        callOf(`alert-${++calls}`, { project: 'red', started: now, cost, budgets: [budget] }),
      )
      const told: Readonly<Record<string, unknown>>[] = []
      await bench.room.db.tx(async (t) => {
        told.length = 0
        const tell = (_t: unknown, alert: { project: string; data: Readonly<Record<string, unknown>> }) => {
          assert.equal(alert.project, 'red')
          told.push(alert.data)
          return Promise.resolve()
        }
        await tellBudgets(t, { now, windowStart, tell }, await writeCalls(t, some, NO_PORTS))
      })
      return told
    }
    const parts = async (...given: Parameters<typeof spend>) => (await spend(...given)).map(({ part }) => part)

    it('are told when they are reached, each once, the highest of several', async () => {
      const { id } = await make()
      assert.deepEqual(await parts(id, 0.49 * DOLLAR), [])
      assert.deepEqual(await parts(id, 0.01 * DOLLAR), [0.5])
      assert.deepEqual(await parts(id, 0.1 * DOLLAR), [])
      assert.deepEqual(await parts(id, 0.2 * DOLLAR, 0.2 * DOLLAR), [1])
      assert.deepEqual(await parts(id, 1), [])
    })

    it('are told in the words of MLflow, with the part and what it is of', async () => {
      const { id } = await make({ hard: false })
      assert.deepEqual(await spend(id, 0.9 * DOLLAR), [
        {
          budget_policy_id: id,
          budget_unit: 'USD',
          budget_amount: 1,
          current_spend: 0.9,
          duration_unit: 'DAYS',
          duration_value: 1,
          target_scope: 'TEAM',
          target_value: 'ops',
          workspace: 'red',
          window_start: windowStart('day', bench.room.clock()),
          part: 0.8,
          hard: false,
        },
      ])
    })

    it('are told anew in the next window, and of another limit', async () => {
      const { id } = await make()
      assert.deepEqual(await parts(id, DOLLAR), [1])
      bench.wait(DAY)
      assert.deepEqual(await parts(id, 0.6 * DOLLAR), [0.5])
      await changeBudget(roomWithTokens(bench), who(), id, { limit: 2 * DOLLAR })
      assert.deepEqual(await parts(id, 0.5 * DOLLAR), [0.5])
    })

    it('are told of nobody who asked for none', async () => {
      const { id } = await make({ alert_at: [] })
      assert.deepEqual(await parts(id, 2 * DOLLAR), [])
    })
  })
}
