/** Cases: calls and what was asked in them go when they are too old, in batches, by whole days; their money stays. */
import assert from 'node:assert/strict'
import { after, beforeEach, describe, it } from 'node:test'
import { until } from '../../../test/until.ts'
import { DAY_MS } from '../../contract/ids.ts'
import type { Db } from '../../store/db.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { callOf, emptyCalls, folders, NOON, partOn, writeCallLog } from '../calls/call.fixture.ts'
import { Expiry } from './expiry.ts'
import type { CallAges } from './expiry.ts'

export function expiryCases(bench: Bench): void {
  describe('calls that are old', () => {
    const made = folders()
    after(() => made.remove())
    const db = () => bench.room.db
    beforeEach(() => emptyCalls(db()))
    const content = { request: '{}', answer: 'yes' }
    const midnight = Math.floor(NOON / DAY_MS) * DAY_MS
    const kept = async () =>
      (await db().all<{ id: string; content: string | null }>('SELECT id, content FROM llm_calls ORDER BY id')).map(
        (row) => `${row.id}${row.content === null ? '' : ' with content'}`,
      )
    /** Calls of the last and the first moment of days before that of NOON. */
    async function logged(): Promise<ReturnType<typeof partOn>> {
      const folder = made.make()
      await writeCallLog(folder, [
        callOf('a', { started: midnight - 2 * DAY_MS - 1, content }),
        callOf('b', { started: midnight - 2 * DAY_MS, content }),
        callOf('c', { started: midnight - 1, content }),
        callOf('d', { started: midnight, content }),
        callOf('e', { started: NOON }),
      ])
      const part = partOn(bench.room, folder)
      await part.drain()
      return part
    }

    const fail = (error: unknown): void => assert.fail(String(error))
    const expire = (ages: CallAges, now = NOON) => new Expiry({ db: db(), clock: () => now, ages, onError: fail }).run()

    it('stay without a word of it', async () => {
      await logged()
      await expire({}, NOON + 10_000 * DAY_MS)
      assert.equal((await kept()).length, 5)
    })

    it('go by whole days, and content before them; what they cost stays, and the log brings none back', async () => {
      const part = await logged()
      const spent = () => part.spentOf(db(), [{ id: 'bud_1', window: 'total' }], NOON)
      const ledger = () => db().all("SELECT * FROM cost_entries WHERE kind = 'llm' ORDER BY id")
      const [money, entries] = [await spent(), await ledger()]
      // at ten in the morning two days before is the midnight of that day
      await expire({ calls: 2 * DAY_MS, content: 0 })
      assert.deepEqual(await kept(), ['b', 'c', 'd with content', 'e'])
      await expire({ calls: DAY_MS })
      assert.deepEqual(await kept(), ['c', 'd with content', 'e'])
      assert.deepEqual([await spent(), await ledger()], [money, entries])
      assert.equal(await part.drain(), 0)
      assert.equal((await kept()).length, 3)
    })

    it('go in batches, between which it can be ended', async () => {
      const folder = made.make()
      const ids = Array.from({ length: 1200 }, (_, at) => `n-${String(at).padStart(4, '0')}`)
      await writeCallLog(
        folder,
        ids.map((id, at) => callOf(id, { started: midnight - 2 * DAY_MS + at })),
        1e7,
      )
      await partOn(bench.room, folder, { chunkBytes: 1e7 }).drain()
      let batches = 0
      const counted: Pick<Db, 'tx'> = {
        tx(work) {
          if (++batches === 2) void expiry.stop()
          return db().tx(work)
        },
      }
      const ages = { calls: DAY_MS }
      const expiry: Expiry = new Expiry({ db: counted, clock: () => NOON, ages, onError: fail })
      await expiry.run()
      const left = await kept()
      // the oldest first
      assert.deepEqual([left.length, left[0]], [200, 'n-1000'])
      await expire({ calls: DAY_MS })
      assert.deepEqual(await kept(), [])
    })

    it('are looked for from the start on, and a fault is told', async () => {
      await logged()
      const faults: unknown[] = []
      const deps = { db: db(), clock: () => NOON, onError: (error: unknown) => void faults.push(error) }
      const expiry = new Expiry({ ...deps, ages: { content: 0 } })
      expiry.start()
      await until('old content to go', async () => !(await kept()).includes('a with content'))
      await expiry.stop()
      assert.deepEqual(await kept(), ['a', 'b', 'c', 'd with content', 'e'])
      const broken = { tx: () => Promise.reject(new Error('no more room')) }
      const failing = new Expiry({ ...deps, db: broken, ages: { calls: 1 } })
      failing.start()
      await failing.stop()
      assert.match(String(faults[0]), /no more room/)
    })
  })
}
