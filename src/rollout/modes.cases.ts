/** The ways of a rollout besides the rising canary, and what holds one up, on every database. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Principal } from '../contract/access.ts'
import { Plan } from '../contract/rollout/plan.ts'
import { aliasVersion } from '../registry/aliases/aliases.ts'
import { lockModel } from '../registry/context/context.ts'
import type { LogRecord } from '../gateway/records/records.ts'
import type { Db } from '../store/db.ts'
import { act, halt } from './controller/acts.ts'
import { ingest, label, newest, QUICK, round, send, ship, traffic } from './bench.fixture.ts'
import type { RolloutBench } from './bench.fixture.ts'
import { exposures } from './observations/exposures.ts'
import { freeze, listFrozen, shownFreeze, thaw } from './controller/freeze.ts'
import { getRollout } from './read.ts'
import type { RolloutRow } from './context/context.ts'
import { startRollout } from './controller/starting.ts'
import { postValues } from './observations/values.ts'
import { ann, rolloutWorld } from './world.fixture.ts'
import type { Open } from './world.fixture.ts'

const eve: Principal = { ...ann, id: 'p2', name: 'eve', role: 'admin' }
/** After anything that the bench's clock says, ms. */
const LATER = 1_900_000_000_000

export function modeCases(name: string, open: Open): void {
  describe(`${name}: ways of a rollout`, () => {
    let bench: RolloutBench
    let db: Db
    const { variants, allReplay, ...world } = rolloutWorld(open, (made) => ({ bench, db } = made))
    const begun = (endpoint: string, plan: object): Promise<string> =>
      world.begun(endpoint, { plan: Plan.parse({ ...QUICK, ...plan }) })
    /** Traffic and rounds until the rollout is over or `until` holds. */
    const drive = async (endpoint: string, wish: Drive = {}): Promise<RolloutRow> => {
      for (let i = 0; i < 40; i++) {
        const row = await newest(db, endpoint)
        if (row.finished_at !== null || wish.until?.(row) === true) return row
        const made = await send(bench, endpoint, {
          rows: 100,
          at: bench.deps.clock(),
          ...wish,
          seed: (wish.seed ?? 1) * 100 + i,
        })
        await wish.after?.(made)
        await round(bench)
      }
      return newest(db, endpoint)
    }

    /** Locks a model and then its rollout, again and again, as a promotion does; resolves to how often. */
    function inAndOut(endpoint: string): { stop(): Promise<number> } {
      const on = { held: true }
      const loop = async (): Promise<number> => {
        let n = 0
        for (; on.held; n++)
          await db
            .tx(async (t) => {
              await lockModel(t, endpoint)
              // a transaction waits for nothing but its own statements
              for (let i = 0; i < 400; i++) await t.get('SELECT 1 AS one')
              await t.lock(`rollout ${endpoint}`)
            })
            .then(() => turn())
        return n
      }
      const done = loop()
      return {
        stop() {
          on.held = false
          return done
        },
      }
    }

    it('blue/green: one step with all the traffic, the old version stays ready and comes back at once', async () => {
      const id = await begun('bluegreen', { mode: 'blue_green' })
      await drive('bluegreen', { until: (row) => row.step === 1 })
      assert.deepEqual(await variants('bluegreen'), ['stable 1 0', 'canary 2 10000', 'shadow 2 0'])
      assert.equal((await getRollout(db, id)).step, 'green')
      assert.equal(await aliasVersion(db, 'bluegreen', 'production'), '1')
      assert.equal(await halt(bench.deps, 'bluegreen', 'a person wants blue'), true)
      assert.deepEqual(await variants('bluegreen'), ['stable 1 0'])
      await startRollout(bench.deps, ann, { endpoint: 'bluegreen', version: '2', slices: [] })
      await round(bench)
      assert.equal((await drive('bluegreen', { seed: 2 })).state, 'promoted')
      assert.deepEqual(await variants('bluegreen'), ['stable 2 0'])
    })

    it('a step waits for a person of the role, says so, and an approval that nothing waits for is refused', async () => {
      const approvals = [{ before: 5000 }, { before: 'promote', role: 'admin' }]
      const id = await begun('approved', { approvals })
      const approve = (who: Principal) => act(bench.deps, who, id, { action: 'approve', reason: 'looks right' })
      await assert.rejects(approve(ann), { code: 'conflict' })
      await drive('approved', { until: ({ reason }) => /approval/.test(reason) })
      const shown = await getRollout(db, id)
      assert.deepEqual([shown.step, shown.awaits?.before, shown.awaits?.role], ['canary 10 %', 5000, 'maintainer'])
      assert.match(shown.reason, /waits for the approval of a maintainer before 50 %/)
      await assert.rejects(approve({ ...ann, role: 'contributor' }), { code: 'forbidden' })
      await approve(ann)
      await round(bench)
      assert.equal((await getRollout(db, id)).step, 'canary 50 %')
      await drive('approved', { seed: 2, until: ({ reason }) => /approval/.test(reason) })
      await assert.rejects(approve(ann), { code: 'forbidden' }, 'promotion wants an admin')
      await approve(eve)
      await round(bench)
      const done = await getRollout(db, id)
      assert.equal(done.state, 'promoted')
      assert.deepEqual(
        done.approvals.map(({ before, by }) => [before, by]),
        [
          [5000, 'ann'],
          ['promote', 'eve'],
        ],
      )
      assert.deepEqual(await allReplay(id), ['advance', 'advance', 'promote'])
      const trail = await db.all("SELECT seq FROM audit WHERE resource_id = ? AND detail LIKE '%approve by%'", [id])
      assert.equal(trail.length, 2)
    })

    it('without a shadow step the first share waits for its approval before any caller meets it', async () => {
      const id = await begun('bare', { shadow: { requests: 0 }, approvals: [{ before: 1000 }] })
      const shown = await getRollout(db, id)
      assert.deepEqual([shown.state, shown.awaits?.before, await variants('bare')], ['starting', 1000, ['stable 1 0']])
      await act(bench.deps, ann, id, { action: 'approve', reason: 'go' })
      await round(bench)
      assert.deepEqual(await variants('bare'), ['stable 1 0', 'canary 2 1000'])
    })

    it('a freeze by hand lets nothing forward, lets everything back, and is overridden on record', async () => {
      const id = await begun('frozen', {})
      const cold = { endpoint: 'frozen', reason: 'end of quarter', until: null }
      await freeze(bench.deps, ann, cold)
      await drive('frozen', { until: ({ reason }) => /frozen/.test(reason) })
      assert.equal((await newest(db, 'frozen')).step, 0)
      const listed = { endpoint: 'frozen', reason: 'end of quarter', until: null, by: 'ann' }
      assert.deepEqual(await listFrozen(db, ann, LATER), [listed])
      assert.deepEqual(await listFrozen(db, { ...ann, project: 'elsewhere' }, LATER), [])
      const deploy = (wish: object) => bench.serving.deploy(ann, 'frozen', { version: '2', ...wish })
      await assert.rejects(deploy({}), {
        code: 'conflict',
        message: /frozen is frozen until it is lifted: end of quarter \(ann\)/,
      })
      await assert.rejects(deploy({ override_freeze: true }), { code: 'invalid_field', message: /reason/ })
      assert.match((await getRollout(db, id, LATER)).frozen ?? '', /frozen until it is lifted: end of quarter \(ann\)/)
      const push = { action: 'promote', reason: 'it is a fix' } as const
      await assert.rejects(act(bench.deps, ann, id, push), { code: 'conflict', message: /override_freeze/ })
      await act(bench.deps, ann, id, { ...push, override_freeze: true })
      const done = await getRollout(db, id)
      assert.equal(done.state, 'promoted')
      assert.match(done.reason, /overrides: frozen until it is lifted: end of quarter/)
      await thaw(bench.deps, ann, 'frozen')
      assert.equal(await shownFreeze(db, 'frozen', LATER), null)
      await assert.rejects(freeze(bench.deps, ann, { ...cold, endpoint: 'none' }), { code: 'not_found' })
      await assert.rejects(freeze(bench.deps, ann, { ...cold, until: 5 }), { code: 'invalid_field' })

      const other = await begun('cold', {})
      await freeze(bench.deps, ann, { endpoint: 'cold', reason: 'audit', until: null })
      await send(bench, 'cold', { rows: 80, seed: 3, failing: 0.5 })
      await round(bench)
      assert.equal((await getRollout(db, other)).state, 'rolled_back', 'back is always allowed')
    })

    it('a window of the plan holds as a freeze by hand does, and a plan with no such time zone is refused', async () => {
      // the bench's clock stands in November 2023, where this window lasts the whole month
      const window = { cron: '0 0 1 * *', timezone: 'Europe/Berlin', hours: 744, reason: 'no changes' }
      await begun('window', { freeze: [window] })
      const row = await drive('window', { until: ({ reason }) => /frozen/.test(reason) })
      assert.match(row.reason, /^frozen until 2023-12-01T23:00:00.000Z: no changes$/)
      await act(bench.deps, ann, row.id, { action: 'abort', reason: 'enough' })
      await assert.rejects(bench.serving.deploy(ann, 'window', { version: '2' }), {
        code: 'conflict',
        message:
          /window is frozen until 2023-12-01T23:00:00.000Z: no changes; wait, or set override_freeze and a reason/,
      })
      const calendar = (await listFrozen(db, ann, bench.deps.clock())).find((one) => one.endpoint === 'window')
      assert.deepEqual([calendar?.by, calendar?.until], [null, '2023-12-01T23:00:00.000Z'])
      const wrong = Plan.parse({ ...QUICK, freeze: [{ ...window, timezone: 'Mars/Olympus' }] })
      const wish = { endpoint: 'window', version: '2', slices: [], plan: wrong }
      await assert.rejects(startRollout(bench.deps, ann, wish), { code: 'invalid_field' })
    })

    it('challengers are compared at once, the worse of two good ones ends as kept, a bad one is rolled back', async () => {
      const plan = Plan.parse({ ...QUICK, challengers: 3, shadow: { requests: 300, labels: 300 } })
      await ship(bench, { model: 'many' })
      await round(bench)
      for (let i = 0; i < 4; i++) await ship(bench, { model: 'many', plan })
      await round(bench)
      assert.deepEqual(await variants('many'), ['stable 1 0', 'shadow 2 0', 'shadow 3 0', 'shadow 4 0'])
      const rows = await db.all<RolloutRow>(
        "SELECT * FROM rollouts WHERE endpoint = 'many' AND version <> '1' ORDER BY version",
      )
      assert.equal(rows.length, 3, 'the fourth waits')
      // version 3 is worse by too little to be rejected: a few of its scores are turned round
      for (let i = 0; i < 12; i++) {
        const made = await traffic(db, 'many', { rows: 100, seed: 500 + i, bad: '4' })
        const nudged = made.records.map((one, k) =>
          one.t === 's' && one.ver === '3' && k % 40 === 0 && one.s !== null ? { ...one, s: 1 - one.s } : one,
        )
        await ingest(bench, nudged)
        await label(bench, 'many', made)
        await round(bench)
      }
      const states = await Promise.all(rows.map(async ({ id }) => (await getRollout(db, id)).state))
      assert.deepEqual(states.slice(1), ['kept', 'rolled_back'])
      const won = await getRollout(db, rows[0]?.id ?? '')
      assert.ok(['canary', 'promoted'].includes(won.state), won.state)
      assert.deepEqual(won.challengers, ['3', '4'])
      assert.match((await getRollout(db, rows[1]?.id ?? '')).reason, /version 2 (was better: mean loss|went on)/)
      for (const { id } of rows) await allReplay(id)
      for (let seed = 600; seed < 640 && (await newest(db, 'many')).version !== '5'; seed++) {
        await send(bench, 'many', { rows: 100, seed })
        await round(bench)
      }
      assert.equal((await newest(db, 'many')).version, '5', 'the fourth follows when the comparison is over')
    })

    const shop = {
      mode: 'ab',
      shadow: { requests: 0 },
      metrics: [{ name: 'bought', min_values: 50 }],
      ab: { metric: 'bought', share: 5000, max_values: 2000 },
    }
    /** Posts a value for every prediction: bought by a share of the users of each side. */
    const buying = (endpoint: string, shares: { stable: number; candidate: number }) => async (made: Made) => {
      const answered = made.records.filter((one) => one.t === 'p')
      const values = answered.map((one, i) => {
        const share = one.role === 'canary' || one.fb === true ? shares.candidate : shares.stable
        return { metric: 'bought', prediction_id: one.id, value: ((i * 37) % 100) / 100 < share ? 1 : 0 }
      })
      const { counted } = await postValues(bench.deps, endpoint, values)
      assert.ok(counted > values.length / 2, `${counted} of ${values.length} counted`)
    }

    it('A/B: the better side is promoted by its metric, with exposures that join predictions to sides', async () => {
      const id = await begun('better', shop)
      const row = await drive('better', { after: buying('better', { stable: 0.2, candidate: 0.6 }) })
      assert.equal(row.state, 'promoted', row.reason)
      const { verdicts, gates } = await getRollout(db, id)
      assert.equal(verdicts.at(-1)?.step, 'A/B 50 %')
      assert.ok(verdicts.at(-1)?.gates.some((gate) => gate.metric === 'bought'))
      const metric = gates.find((gate) => gate.metric === 'bought')
      assert.ok((metric?.interval?.[0] ?? 0) > 0 && (metric?.candidate ?? 0) > (metric?.stable ?? 1), metric?.reason)
      const met = await exposures(db, id, { limit: 1000 })
      assert.ok(met.items.length > 100)
      for (const one of met.items) assert.equal(one.version, one.arm === 'candidate' ? '2' : '1')
      const first = await exposures(db, id, { limit: 10 })
      const second = await exposures(db, id, { limit: 10, page_token: first.next_page_token })
      assert.deepEqual([...first.items, ...second.items], met.items.slice(0, 20))
      await assert.rejects(exposures(db, id, { limit: 1, page_token: 'x' }), { code: 'invalid_field' })
      await allReplay(id)
    })

    it('A/B: a worse side, or none that is better, ends by decision and not as a failure', async () => {
      const worse = await begun('worse', shop)
      const lost = await drive('worse', { after: buying('worse', { stable: 0.6, candidate: 0.2 }) })
      assert.deepEqual([lost.state, await variants('worse')], ['kept', ['stable 1 0']], lost.reason)
      assert.match(lost.reason, /^stable is better: bought 0\.\d+ in \d+ values of the candidate/)
      await begun('same', { ...shop, ab: { ...shop.ab, max_values: 300 } })
      const same = await drive('same', { after: buying('same', { stable: 0.4, candidate: 0.4 }) })
      assert.equal(same.state, 'kept')
      assert.match(same.reason, /^no difference was shown/)
      assert.equal(await aliasVersion(db, 'same', 'production'), '1')
      await allReplay(worse)
      await allReplay(same.id)
    })

    it('A/B: a split that loses answers of one side pauses it, and it cannot go on', async () => {
      const id = await begun('biased', shop)
      await send(bench, 'biased', { rows: 100, seed: 1, at: bench.deps.clock() })
      const gate = async () => (await getRollout(db, id)).gates.find((one) => one.gate === 'sample_ratio')
      assert.deepEqual([(await gate())?.n, (await gate())?.status], [100, 'passing'])
      const made = await traffic(db, 'biased', { rows: 1, seed: 2, at: bench.deps.clock() })
      const [row] = made.records.filter((one) => one.t === 'p')
      assert.ok(row !== undefined)
      const old = { id: 'old', ep_epoch: row.ep_epoch - 1 }
      const few = [{ id: 'a' }, { id: 'b' }, { id: 'c', key: null, nth: true }, { id: 'd', key: null, pin: true }, old]
      for (const one of [few, [{ id: 'e' }]])
        await ingest(
          bench,
          one.map((more) => ({ ...row, key: 'ann', ...more })),
        )
      assert.equal((await gate())?.n, 101, 'ann is one user, and only the split’s own calls count')
      for (let seed = 10; (await newest(db, 'biased')).state === 'canary' && seed < 60; seed++) {
        const { records } = await traffic(db, 'biased', { rows: 100, seed, at: bench.deps.clock() })
        const lost = (one: LogRecord, i: number) => one.t === 'p' && one.role === 'canary' && i % 3 === 0
        await ingest(
          bench,
          records.filter((one, i) => !lost(one, i)),
        )
        await round(bench)
      }
      const paused = await newest(db, 'biased')
      assert.equal(paused.state, 'paused', paused.reason)
      assert.match(
        paused.reason,
        /^the split is not the plan's, .*: \d+ of \d+ users met the candidate; the plan gives it 50 %$/,
      )
      await assert.rejects(act(bench.deps, ann, id, { action: 'resume', reason: 'go on' }), { code: 'conflict' })
      await allReplay(id)
      await act(bench.deps, ann, id, { action: 'abort', reason: 'begin again' })
      assert.deepEqual(await db.all('SELECT unit FROM rollout_units WHERE rollout_id = ?', [id]), [])
    })

    it('one value a user counts, one that comes before its prediction waits for it, others are ignored', async () => {
      const id = await begun('users', shop)
      const post = (one: { prediction_id?: string; version?: string; id?: string }, value = 1) =>
        postValues(bench.deps, 'users', [{ metric: 'bought', value, ...one }])
      const row = {
        t: 'p',
        ep: 'users',
        ep_epoch: 1,
        et: 1,
        at: bench.deps.clock(),
        us: 9,
        st: 200,
        x: [1, 'UA'],
        s: 0.5,
      } as const
      const seen = { ...row, p: null, key: 'ann', role: 'canary', ver: '2' } as const
      assert.deepEqual(await post({ prediction_id: 'u1' }), { counted: 0, waiting: 1, repeated: 0, ignored: 0 })
      await ingest(bench, [
        { ...seen, id: 'u1' },
        { ...seen, id: 'u2' },
        { ...seen, id: 'u3', role: 'stable', ver: '1', key: null, fb: true },
        { ...seen, id: 'u4', at: 5, key: 'bob' },
      ])
      const found = async () => (await getRollout(db, id)).gates.find((gate) => gate.gate === 'metric bought')
      assert.equal((await found())?.candidate, 1)
      assert.equal((await post({ prediction_id: 'u1' })).repeated, 1)
      assert.equal((await post({ prediction_id: 'u2' }, 0)).repeated, 1, 'the same user again')
      assert.equal((await post({ prediction_id: 'u3' }, 0)).counted, 1)
      assert.equal((await found())?.candidate, 0.5, 'what stable answered for a failing candidate is the candidate’s')
      assert.equal((await post({ prediction_id: 'u4' })).ignored, 1, 'from before callers met the candidate')
      assert.equal((await post({ version: '1', id: 'batch 1' })).counted, 1)
      assert.equal((await post({ version: '1', id: 'batch 1' })).repeated, 1)
      assert.equal((await post({ version: '9' })).ignored, 1)
      await assert.rejects(post({ version: '1', prediction_id: 'u1' }), { code: 'invalid_field' })
      const other = await postValues(bench.deps, 'users', [{ metric: 'clicked', value: 1, version: '1' }])
      assert.equal(other.ignored, 1)
    })

    it('a metric is a gate: none is no pass, and one that is clearly worse rolls back', async () => {
      const metrics = [{ name: 'bought', tolerance: 0.05, min_values: 30 }]
      const id = await begun('gate', { shadow: { requests: 0 }, canary: [5000], metrics })
      await drive('gate', { until: ({ reason }) => /metric bought has 0 of 30/.test(reason) })
      assert.match((await newest(db, 'gate')).reason, /metric bought has 0 of 30/)
      const row = await drive('gate', { seed: 2, after: buying('gate', { stable: 0.9, candidate: 0.1 }) })
      assert.equal(row.state, 'rolled_back', row.reason)
      assert.match(row.reason, /gate metric bought failed/)
      await allReplay(id)
    })

    it('holds the last step for labels, promotes, and goes back with the alias when late labels are worse', async () => {
      const plan = { canary: [5000], hold: { labels: 400, hours: 100 }, watch: { labels: 4000, hours: 1000 } }
      const id = await begun('late', plan)
      await drive('late', { until: ({ reason }) => /holds for/.test(reason) })
      assert.match((await newest(db, 'late')).reason, /holds for \d+ of 400 labels, at most 100 hours/)
      const watched = await drive('late', {
        seed: 2,
        after: (made) => label(bench, 'late', made),
        until: ({ state }) => state === 'watching',
      })
      assert.equal(watched.state, 'watching', watched.reason)
      assert.deepEqual(await variants('late'), ['stable 2 0', 'shadow 1 0'])
      assert.equal(await aliasVersion(db, 'late', 'production'), '2')
      assert.deepEqual([(await getRollout(db, id)).weight, await halt(bench.deps, 'late', 'x')], [10_000, false])
      // others come by the registry's door meanwhile: they hold the model, and then want the rollout
      const door = inAndOut('late')
      let tries = 0
      const { demote } = bench.deps
      const counted: typeof demote = (t, of) => {
        tries++
        return demote(t, of)
      }
      Object.assign(bench.deps, { demote: counted })
      const back = await drive('late', { seed: 3, bad: '2', after: (made) => label(bench, 'late', made) })
      assert.ok((await door.stop()) > 0)
      // of two that wait for each other PostgreSQL ends one, which then is tried again
      assert.deepEqual([tries, bench.errors], [1, []])
      assert.equal(back.state, 'rolled_back', back.reason)
      assert.match(back.reason, /after its promotion: gate quality failed/)
      assert.deepEqual(await variants('late'), ['stable 1 0'])
      assert.equal(await aliasVersion(db, 'late', 'production'), '1')
      assert.deepEqual(await allReplay(id), ['advance', 'promote', 'demote'])
    })

    it('a watch ends well with its labels, and at once when another version comes', async () => {
      const watch = { labels: 150, hours: 1000 }
      const id = await begun('well', { canary: [5000], watch })
      const done = await drive('well', { after: (made) => label(bench, 'well', made) })
      assert.equal(done.state, 'promoted', done.reason)
      assert.match(done.reason, /not worse on \d+ labels that came after its promotion/)
      assert.deepEqual(await variants('well'), ['stable 2 0'])
      assert.deepEqual(await allReplay(id), ['advance', 'promote', 'confirm'])
      await ship(bench, { model: 'well', plan: Plan.parse({ ...QUICK, canary: [5000], watch }) })
      await round(bench)
      await drive('well', { seed: 4, until: ({ state }) => state === 'watching' })
      await ship(bench, { model: 'well' })
      await round(bench)
      assert.deepEqual(await variants('well'), ['stable 3 0', 'shadow 4 0'])
      const third = await db.get<RolloutRow>("SELECT * FROM rollouts WHERE endpoint = 'well' AND version = '3'")
      assert.deepEqual([third?.state, third?.reason], ['promoted', 'the watch ended: another version came'])
    })
  })
}

type Made = Awaited<ReturnType<typeof traffic>>

interface Drive {
  readonly seed?: number
  readonly bad?: string
  readonly until?: (row: RolloutRow) => boolean
  readonly after?: (made: Made) => Promise<void>
}
