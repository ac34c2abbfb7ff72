/** What leases must do on each database, with clocks that the test moves. */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { beforeEach, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { until } from '../../test/until.ts'
import { awaited } from '../store/awaited.fixture.ts'
import type { Db } from '../store/db.ts'
import { Leases } from './leases.ts'
import type { Lease } from './leases.ts'
import { tablesOf } from './tables.fixture.ts'
import type { Opened } from './tables.fixture.ts'
import { LeaseLost } from './worker.ts'
import { wrapDb } from './wrapped-db.fixture.ts'

const TTL = 60_000

export function leaseCases(name: string, open: () => Promise<Opened>): void {
  describe(`${name}: leases by the clock`, () => {
    let db: Db
    let wall = 0
    let steady = 0
    tablesOf(open, ['leases'], (opened) => {
      db = awaited(opened.db)
    })
    beforeEach(() => {
      wall = 1_000_000
      steady = 0
    })

    const leases = (holder: string, on = db): Leases =>
      new Leases(on, { holder, now: () => wall, steady: () => steady })
    const rows = () => db.all('SELECT name, holder, fence, expires_at FROM leases ORDER BY name')
    const taken = async (of: Leases, lease = 'loop'): Promise<boolean> =>
      (await of.hold(lease, TTL, async () => true)) ?? false
    /** Sets the lease as a holder elsewhere would have left it. */
    const elsewhere = (expires: number): Promise<number> =>
      db.tx((t) =>
        t.run("INSERT INTO leases (name, holder, fence, expires_at) VALUES ('loop', 'elsewhere', 7, ?)", [expires]),
      )

    it('is a row with its holder, a fence and when it runs out; given back, it keeps its fence', async () => {
      const held = await leases('a').hold('loop', TTL, async (lease) => {
        assert.deepEqual([lease.name, lease.fence, lease.signal.aborted], ['loop', 1, false])
        return rows()
      })
      assert.deepEqual(held, [{ name: 'loop', holder: 'a', fence: 1, expires_at: 1_060_000 }])
      assert.deepEqual(await rows(), [{ name: 'loop', holder: null, fence: 1, expires_at: 1_060_000 }])
      assert.equal(await leases('a').hold('loop', TTL, async (lease) => lease.fence), 2)
    })

    it('its signal says that it was given back, also after a fault, which is passed on', async () => {
      let kept: Lease | undefined
      const fault = leases('a').hold('loop', TTL, async (lease) => {
        kept = lease
        throw new Error('of the loop')
      })
      await assert.rejects(fault, /of the loop/)
      assert.equal(kept?.signal.aborted, true)
      assert.ok(kept.signal.reason instanceof LeaseLost)
      assert.match(kept.signal.reason.message, /lease loop was given back/)
      assert.equal(await taken(leases('b')), true)
      await assert.rejects(
        kept.tx(async () => undefined),
        LeaseLost,
      )
    })

    it('runs out at its time, not before', async () => {
      await elsewhere(wall + TTL)
      const mine = leases('b')
      wall += TTL - 1
      assert.equal(await taken(mine), false)
      wall += 1
      assert.equal(await mine.hold('loop', TTL, async (lease) => lease.fence), 8)
    })

    it('that nobody renews for its time has run out, whatever its row says; a renewal begins it anew', async () => {
      await elsewhere(wall + 100 * TTL)
      const mine = leases('b')
      assert.equal(await taken(mine), false)
      steady += TTL
      assert.equal(await taken(mine), false, 'not longer than its time')
      await db.tx((t) => t.run('UPDATE leases SET expires_at = expires_at + 1'))
      steady += 1
      assert.equal(await taken(mine), false, 'it was renewed')
      await db.tx((t) => t.run('UPDATE leases SET fence = fence + 1'))
      steady += TTL + 1
      assert.equal(await taken(mine), false, 'another has taken it')
      steady += TTL + 1
      assert.equal(await taken(mine), true)
    })

    it('one that was given back meanwhile is not remembered', async () => {
      await elsewhere(wall + 100 * TTL)
      const mine = leases('b')
      assert.equal(await taken(mine), false)
      await db.tx((t) => t.run('UPDATE leases SET holder = NULL'))
      await mine.hold('loop', TTL, async () => undefined)
      await db.tx((t) => t.run("UPDATE leases SET holder = 'elsewhere', fence = 7, expires_at = ?", [wall + 100 * TTL]))
      steady += TTL + 1
      assert.equal(await taken(mine), false)
    })

    it('one that is renewed between the look and the take is not taken', async () => {
      await elsewhere(wall + 100 * TTL)
      let renew = false
      const racing = wrapDb(db, async () => {
        if (renew) await db.tx((t) => t.run('UPDATE leases SET expires_at = expires_at + 1'))
      })
      const mine = leases('b', racing)
      assert.equal(await taken(mine), false)
      steady += TTL + 1
      renew = true
      assert.equal(await taken(mine), false)
      renew = false
      steady += TTL + 1
      assert.equal(await taken(mine), false, 'the renewal begins its time anew')
      steady += TTL + 1
      assert.equal(await taken(mine), true)
    })

    it('writes, renews and gives back its own alone, among others of the same holder and the same fence', async () => {
      const [mine, others] = [leases('a'), leases('b')]
      await mine.hold('one', TTL, async (one) => {
        await mine.hold('two', TTL, async (two) => {
          await others.hold('three', TTL, async (three) => {
            assert.deepEqual([one.fence, two.fence, three.fence], [1, 1, 1])
            for (const lease of [one, two, three]) assert.equal(await lease.tx(async () => 'written'), 'written')
          })
          assert.equal(await taken(others, 'two'), false)
        })
        assert.equal(await taken(others, 'one'), false)
        assert.equal(await taken(others, 'two'), true)
        assert.equal(await one.tx(async () => 'written'), 'written')
      })
    })

    it('what another took is not given back by who lost it', async () => {
      await leases('a').hold('loop', TTL, async () => {
        wall += TTL
        await leases('b').hold('loop', TTL, async (lease) => {
          assert.equal(lease.fence, 2)
          await db.tx((t) => t.run("UPDATE leases SET holder = 'c', fence = 3"))
        })
      })
      assert.deepEqual(await rows(), [{ name: 'loop', holder: 'c', fence: 3, expires_at: wall + TTL }])
    })

    it('a transaction of one that was lost does nothing, and one that fails is undone', async () => {
      await leases('a').hold('loop', TTL, async (lease) => {
        await assert.rejects(
          lease.tx(async (t) => {
            await t.run("INSERT INTO leases (name, fence, expires_at) VALUES ('effect', 1, 0)")
            throw new Error('undone')
          }),
          /undone/,
        )
        await db.tx((t) => t.run("UPDATE leases SET holder = 'b'"))
        const late = lease.tx((t) => t.run("INSERT INTO leases (name, fence, expires_at) VALUES ('effect', 1, 0)"))
        await assert.rejects(late, /another has lease loop/)
      })
      assert.deepEqual(
        (await rows()).map((row) => row['name']),
        ['loop'],
      )
    })

    it('is renewed to a whole time from now, and aborted when another has it', async () => {
      const short = 30
      await leases('a').hold('loop', short, async (lease) => {
        wall += 7
        const renewed = async (): Promise<unknown> => (await rows())[0]?.['expires_at']
        await until('the renewal', async () => (await renewed()) === 1_000_037)
        assert.equal(lease.signal.aborted, false)
        await db.tx((t) => t.run('UPDATE leases SET fence = fence + 1'))
        if (!lease.signal.aborted) await once(lease.signal, 'abort')
        assert.match(String(lease.signal.reason), /another has lease loop/)
      })
    })

    it('a database that is away for a moment does not end it; once its time has passed, it is over', async () => {
      const short = 30
      let away = false
      const tries = new EventEmitter()
      const told = async (event: string): Promise<void> => {
        await once(tries, event)
        await setImmediate() // what waits for the transaction goes on first
      }
      const before = (): void => {
        if (!away) return
        tries.emit('refused')
        throw new Error('away')
      }
      const failing = wrapDb(db, before, () => tries.emit('done'))
      await leases('a', failing).hold('loop', short, async (lease) => {
        steady = 20
        // a renewal counts from when it began: of two that are done the second began after now
        await told('done')
        await told('done')
        away = true
        steady = 50
        for (let i = 0; i < 3; i++) await told('refused')
        assert.equal(lease.signal.aborted, false)
        steady = 51
        if (!lease.signal.aborted) await once(lease.signal, 'abort')
        assert.match(String(lease.signal.reason), /lease loop ran out/)
        assert.match(String((lease.signal.reason as Error).cause), /away/)
      })
    })

    it('who would lead tries again after a fault, and stops when told to', async () => {
      const stop = new AbortController()
      const errors: string[] = []
      let turns = 0
      const fn = async (): Promise<void> => {
        if (++turns === 1) throw new Error('first turn')
        if (turns === 3) stop.abort()
      }
      await leases('a').lead('loop', 9, { signal: stop.signal, fn, onError: (error) => errors.push(String(error)) })
      assert.deepEqual([turns, errors], [3, ['Error: first turn']])
      const never = new AbortController()
      never.abort()
      await leases('a').lead('loop', 9, { signal: never.signal, fn, onError: () => undefined })
      assert.equal(turns, 3)
    })
  })
}
