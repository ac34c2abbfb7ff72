/** What the rollout room must do on every database; each driver's test file runs these cases on a fresh one. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SYSTEM } from '../auth/tokens.ts'
import { Rollout } from '../contract/rollout.ts'
import { aliasHistory, aliasVersion } from '../registry/aliases/aliases.ts'
import { writeRecords } from '../serving/records/rows.ts'
import type { LogRecord } from '../gateway/records/records.ts'
import { variantsOf } from '../serving/context/rows.ts'
import { writeVariants } from '../serving/endpoints/variants.ts'
import type { Db } from '../store/db.ts'
import { act, halt } from './controller/acts.ts'
import { ingest, label, newest, openRolloutBench, QUICK, round, send, ship, traffic } from './bench.fixture.ts'
import type { RolloutBench } from './bench.fixture.ts'
import { judgeRound } from './controller/controller.ts'
import { RULES } from './evidence/evidence.ts'
import { curveOf, getRollout, listRollouts } from './read.ts'
import { recordedRows } from './simulation/recorded.ts'
import { evidenceOf } from './context/context.ts'
import { startRollout } from './controller/starting.ts'
import { replayVerdict } from './controller/verdicts.ts'
import { ann, rolloutWorld } from './world.fixture.ts'
import type { Open } from './world.fixture.ts'

const CAUSE = { by: 'ada', way: 'deployed', reason: '' } as const

export function rolloutCases(name: string, open: Open): void {
  describe(`${name}: rollouts`, () => {
    let bench: RolloutBench
    let db: Db
    let folder: string
    const { variants, allReplay, begun } = rolloutWorld(open, (made) => ({ bench, db, folder } = made))
    const verdicts = async (id: string): Promise<string[]> =>
      (await getRollout(db, id)).verdicts.map((one) => one.decision)
    const audited = async (id: string): Promise<string[]> =>
      (
        await db.all<{ actor: string; detail: string }>(
          "SELECT actor, detail FROM audit WHERE resource = 'rollouts' AND resource_id = ? ORDER BY seq",
          [id],
        )
      ).map(({ actor, detail }) => `${actor} ${(JSON.parse(detail) as { state: string }).state}`)
    const toCanary = async (endpoint: string): Promise<void> => {
      await send(bench, endpoint, { rows: 120, seed: 1 })
      await round(bench)
      assert.equal((await newest(db, endpoint)).state, 'canary')
    }

    it('promotes the first version of an endpoint at once, and its verdict replays', async () => {
      await ship(bench, { model: 'first' })
      await round(bench)
      const row = await newest(db, 'first')
      assert.deepEqual([row.state, row.stable_version], ['promoted', null])
      assert.deepEqual(await variants('first'), ['stable 1 0'])
      assert.equal(await aliasVersion(db, 'first', 'production'), '1')
      assert.deepEqual(await audited(row.id), ['slipway starting', 'slipway promoted'])
      await allReplay(row.id)
      await round(bench)
      assert.equal((await newest(db, 'first')).id, row.id, 'it is taken up once')
    })

    it('leads an equal version through shadow and canary, moves the alias at the end alone', async () => {
      const id = await begun('equal')
      assert.deepEqual(await variants('equal'), ['stable 1 0', 'shadow 2 0'])
      const steps: string[] = []
      for (let seed = 10; (await newest(db, 'equal')).finished_at === null && seed < 60; seed++) {
        assert.equal(await aliasVersion(db, 'equal', 'production'), '1')
        await send(bench, 'equal', { rows: 60, seed, labels: true })
        await round(bench)
        steps.push((await getRollout(db, id)).step)
      }
      assert.deepEqual([...new Set(steps)], ['shadow', 'canary 10 %', 'canary 50 %', 'promoted'])
      assert.deepEqual(await verdicts(id), ['advance', 'advance', 'promote'])
      assert.deepEqual(await variants('equal'), ['stable 2 0'])
      const moves = await aliasHistory(bench.registry, 'equal')
      assert.deepEqual(
        moves.map((move) => [move.from, move.to]),
        [
          ['1', '2'],
          [null, '1'],
        ],
      )
      assert.deepEqual(await audited(id), [
        'slipway starting',
        'slipway shadow',
        'slipway canary',
        'slipway canary',
        'slipway promoted',
      ])
      assert.deepEqual(await db.all('SELECT prediction_id FROM rollout_pairs WHERE rollout_id = ?', [id]), [])
      await allReplay(id)
    })

    it('shows rollouts as the contract says, by pages and by endpoint', async () => {
      const all = await listRollouts(db, SYSTEM, { limit: 100 })
      for (const one of all.items) Rollout.parse(JSON.parse(JSON.stringify(one)))
      const mine = await listRollouts(db, SYSTEM, { limit: 1, endpoint: 'equal' })
      assert.deepEqual([mine.items.length, mine.items[0]?.version], [1, '2'])
      const next = await listRollouts(db, SYSTEM, { limit: 1, endpoint: 'equal', page_token: mine.next_page_token })
      assert.deepEqual([next.items[0]?.version, next.next_page_token], ['1', undefined])
      const open = all.items.filter(({ finished_at }) => finished_at === null)
      assert.deepEqual((await listRollouts(db, SYSTEM, { limit: 100, under_way: 'true' })).items, open)
      assert.ok(open.length < all.items.length)
      const foreign = { ...ann, project: 'elsewhere' }
      assert.deepEqual((await listRollouts(db, foreign, { limit: 10 })).items, [])
      const { series } = await curveOf(db, mine.items[0]?.id ?? '')
      const quality = series.find((one) => one.gate === 'quality' && one.slice === null)
      assert.ok(quality !== undefined && quality.points.length > 3)
      assert.ok(quality.points.every((point) => point.evidence < quality.boundary))
    })

    it('rejects a version that is bad in one slice, names the slice, and the verdict replays', async () => {
      const id = await begun('sliced', { monitor: { slices: ['carrier'] } })
      for (let seed = 1; (await newest(db, 'sliced')).finished_at === null && seed < 40; seed++) {
        await send(bench, 'sliced', { rows: 100, seed, flipped: 'UA', labels: true })
        await round(bench)
      }
      const row = await newest(db, 'sliced')
      assert.equal(row.state, 'rolled_back', row.reason)
      assert.match(row.reason, /quality failed: carrier=UA/)
      assert.doesNotMatch(row.reason, /carrier=(AA|DL|B6)/)
      assert.deepEqual(await variants('sliced'), ['stable 1 0'])
      assert.equal(await aliasVersion(db, 'sliced', 'production'), '1')
      await allReplay(id)
    })

    it('finds failures in shadow before a caller meets them', async () => {
      const id = await begun('failing')
      await send(bench, 'failing', { rows: 80, seed: 3, failing: 0.3 })
      await round(bench)
      const shown = await getRollout(db, id)
      assert.deepEqual([shown.state, shown.failed_requests], ['rolled_back', 0])
      assert.match(shown.reason, /error_rate/)
    })

    it('stops a version that fails more often than stable, though less often than the plan allows', async () => {
      const gates = { error_rate: { at_most: 0.9 }, error_rate_vs_stable: { ratio_at_most: 1.5, above: 0.005 } }
      const id = await begun('beside', { plan: { ...QUICK, gates } })
      await toCanary('beside')
      let answered = 0
      for (let seed = 30; (await newest(db, 'beside')).finished_at === null && seed < 60; seed++) {
        const { records } = await send(bench, 'beside', { rows: 100, seed, failing: 0.3, at: bench.deps.clock() })
        const isCanary = (one: LogRecord) => one.t === 'p' && (one.role === 'canary' || one.fb === true)
        answered += records.filter(isCanary).length
        const { open, closed } = evidenceOf(await newest(db, 'beside')).versus
        assert.equal(open.canary.n + closed.canary.n, answered)
        await round(bench)
      }
      const shown = await getRollout(db, id)
      assert.equal(shown.state, 'rolled_back', shown.reason)
      assert.match(shown.reason, /^gate error_rate_vs_stable failed: \d+ of \d+ failed, 0 of \d+ of stable/)
      const gate = shown.gates.find((one) => one.gate === 'error_rate_vs_stable')
      assert.ok((gate?.candidate ?? 0) > 0.1 && gate?.stable === 0 && gate.evidence >= gate.boundary)
      await allReplay(id)
    })

    it('rolls back when the breaker of its canary trips; one of an earlier canary, or in shadow, is not its own', async () => {
      const id = await begun('broken')
      const trip = { t: 'b', ep: 'broken', ver: '2', at: 0, reason: '3 in a row failed' } as const
      await ingest(bench, [{ ...trip, since: 1 }])
      await round(bench)
      assert.equal((await newest(db, 'broken')).state, 'shadow')
      await toCanary('broken')
      await ingest(bench, [{ ...trip, since: 1 }])
      await round(bench)
      assert.equal((await newest(db, 'broken')).state, 'canary')
      const canary = (await variantsOf(db, 'broken')).find((one) => one.role === 'canary')
      await ingest(bench, [{ ...trip, since: canary?.since ?? 0 }])
      assert.equal((await getRollout(db, id)).weight, 0)
      await round(bench)
      const row = await newest(db, 'broken')
      assert.deepEqual([row.state, await variants('broken')], ['rolled_back', ['stable 1 0']])
      assert.match(row.reason, /breaker stopped it: 3 in a row failed/)
      await allReplay(id)
      // one that rules before have made is judged by those
      await db.tx((t) =>
        t.run(
          `UPDATE rollout_verdicts SET inputs = replace(inputs, ?, ?), gates = replace(gates, 'not_judged', 'waiting')
           WHERE rollout_id = ?`,
          [`"rules":${RULES}`, '"rules":2', id],
        ),
      )
      const last = (await getRollout(db, id)).verdicts.at(-1)?.id ?? ''
      const { same, stored, replayed } = await replayVerdict(db, id, last)
      assert.deepEqual([same, stored.rules, replayed.rules], [true, 2, 2])
    })

    it('goes back when the gates of the registry do not hold before a step', async () => {
      const id = await begun('refused', { auc: 0.75, gates: [{ metric: 'auc', at_least: 0.7 }] })
      await db.tx((t) =>
        t.run('UPDATE registered_models SET gates = ? WHERE name = ?', [
          JSON.stringify([{ metric: 'auc', at_least: 0.79 }]),
          'refused',
        ]),
      )
      await assert.rejects(act(bench.deps, ann, id, { action: 'promote', reason: 'I am sure' }), {
        code: 'gate_refused',
      })
      assert.equal((await newest(db, 'refused')).state, 'shadow', 'what a person may not do changes nothing')
      for (let seed = 1; (await newest(db, 'refused')).finished_at === null && seed < 60; seed++) {
        await send(bench, 'refused', { rows: 100, seed })
        await round(bench)
      }
      const row = await newest(db, 'refused')
      assert.equal(row.state, 'rolled_back')
      assert.match(row.reason, /may not become canary on endpoint "refused": auc at least 0\.79/)
      assert.deepEqual(await variants('refused'), ['stable 1 0'])
      assert.equal(await aliasVersion(db, 'refused', 'production'), '1')
      await allReplay(id)
    })

    it('one rollout at a time: a second by hand is a conflict, a version that asks waits its turn', async () => {
      const id = await begun('busy')
      const by = { endpoint: 'busy', slices: [] }
      await assert.rejects(startRollout(bench.deps, ann, { ...by, version: '2' }), { code: 'conflict' })
      await assert.rejects(startRollout(bench.deps, ann, { ...by, version: '1' }), { code: 'conflict' })
      await assert.rejects(startRollout(bench.deps, ann, { ...by, endpoint: 'none', version: '1' }), {
        code: 'not_found',
      })
      await ship(bench, { model: 'busy' })
      await round(bench)
      assert.equal((await newest(db, 'busy')).version, '2')
      await act(bench.deps, ann, id, { action: 'abort', reason: 'not today' })
      assert.deepEqual(await variants('busy'), ['stable 1 0'])
      assert.equal((await audited(id)).at(-1), 'ann aborted')
      await assert.rejects(act(bench.deps, ann, id, { action: 'abort', reason: 'again' }), { code: 'conflict' })
      await round(bench)
      assert.deepEqual((await newest(db, 'busy')).version, '3')
      assert.equal(await halt(bench.deps, 'busy', 'an incident'), true)
      assert.equal(await halt(bench.deps, 'busy', 'an incident'), false)
      const again = await startRollout(bench.deps, ann, { ...by, version: '3' })
      assert.deepEqual((await getRollout(db, again)).plan, QUICK, 'by hand it goes the way of the project file')
      await act(bench.deps, ann, again, { action: 'abort', reason: 'enough' })
    })

    it('a person promotes from any step; the verdict says who and replays', async () => {
      const id = await begun('byhand')
      // evidence that was begun by rules of before they were numbered stays theirs
      const { rules, ...unnumbered } = evidenceOf(await newest(db, 'byhand'))
      assert.equal(rules, RULES)
      await db.tx((t) => t.run('UPDATE rollouts SET evidence = ? WHERE id = ?', [JSON.stringify(unnumbered), id]))
      await act(bench.deps, ann, id, { action: 'promote', reason: 'seen enough' })
      assert.deepEqual(
        (await getRollout(db, id)).verdicts.map((one) => one.rules),
        [1],
      )
      const row = await newest(db, 'byhand')
      assert.deepEqual([row.state, row.reason], ['promoted', 'promote by ann: seen enough'])
      assert.equal(await aliasVersion(db, 'byhand', 'production'), '2')
      assert.equal((await aliasHistory(bench.registry, 'byhand'))[0]?.actor, 'ann')
      assert.equal((await audited(id)).at(-1), 'ann promoted')
      await allReplay(id)
    })

    it('pauses after its longest wait, goes on counting, and resumes where it was', async () => {
      const id = await begun('slow', { plan: { ...QUICK, max_wait_hours: 0.01 } })
      await assert.rejects(act(bench.deps, ann, id, { action: 'resume', reason: 'go' }), { code: 'conflict' })
      await send(bench, 'slow', { rows: 60, seed: 1 })
      await round(bench)
      const paused = await newest(db, 'slow')
      assert.equal(paused.state, 'paused')
      assert.match(paused.reason, /60 of 100 shadow rows/)
      assert.deepEqual(await variants('slow'), ['stable 1 0', 'shadow 2 0'])
      await send(bench, 'slow', { rows: 30, seed: 2 })
      await round(bench)
      assert.equal((await newest(db, 'slow')).state, 'paused')
      await act(bench.deps, ann, id, { action: 'resume', reason: 'go on' })
      assert.equal((await newest(db, 'slow')).state, 'shadow')
      await send(bench, 'slow', { rows: 20, seed: 3 })
      await round(bench)
      assert.equal((await newest(db, 'slow')).state, 'canary')
      await allReplay(id)
      await act(bench.deps, ann, id, { action: 'abort', reason: 'done' })
    })

    it('pauses for want of traffic by the clock, without a single row', async () => {
      const id = await begun('quiet', { plan: { ...QUICK, max_wait_hours: 1 } })
      await judgeRound({ ...bench.deps, clock: () => bench.deps.clock() + 2 * 3_600_000 })
      const row = await newest(db, 'quiet')
      assert.equal(row.state, 'paused')
      assert.match(row.reason, /no decision within 1 hours: 0 of 100 shadow rows/)
      await allReplay(id)
      await act(bench.deps, ann, id, { action: 'abort', reason: 'done' })
    })

    it('on_failure pause waits for a person: after a breaker it resumes with a fresh one, a failed gate is final', async () => {
      const id = await begun('held', { plan: { ...QUICK, on_failure: 'pause' } })
      await toCanary('held')
      const canaryOf = async () => (await variantsOf(db, 'held')).find((one) => one.role === 'canary')
      const before = await canaryOf()
      await ingest(bench, [
        { t: 'b', ep: 'held', ver: '2', at: 0, since: before?.since ?? 0, reason: '3 in a row failed' },
      ])
      await round(bench)
      assert.deepEqual([(await newest(db, 'held')).state, (await canaryOf())?.weight], ['paused', 0])
      await act(bench.deps, ann, id, { action: 'resume', reason: 'the upstream was down' })
      const fresh = await canaryOf()
      assert.deepEqual([fresh?.weight, fresh?.tripped], [1000, null])
      assert.ok((fresh?.since ?? 0) > (before?.since ?? 0))
      await send(bench, 'held', { rows: 200, seed: 9, failing: 0.5 })
      await round(bench)
      assert.equal((await newest(db, 'held')).state, 'paused')
      await assert.rejects(act(bench.deps, ann, id, { action: 'resume', reason: 'again' }), /error_rate/)
      await act(bench.deps, ann, id, { action: 'abort', reason: 'it is bad' })
      assert.deepEqual(await variants('held'), ['stable 1 0'])
    })

    it('leaves an endpoint alone that others have changed, and does not wait on for it', async () => {
      const id = await begun('taken')
      await db.tx((t) =>
        writeVariants(t, 'taken', [{ role: 'stable', version: '7', weight: 0 }], {
          now: bench.deps.clock(),
          cause: CAUSE,
        }),
      )
      await round(bench)
      const row = await newest(db, 'taken')
      assert.deepEqual([row.id, row.state, await variants('taken')], [id, 'aborted', ['stable 7 0']])
      const other = await begun('taken2')
      await db.tx((t) =>
        writeVariants(t, 'taken2', [{ role: 'stable', version: '7', weight: 0 }], {
          now: bench.deps.clock(),
          cause: CAUSE,
        }),
      )
      await act(bench.deps, ann, other, { action: 'abort', reason: 'away' })
      assert.deepEqual(await variants('taken2'), ['stable 7 0'])
    })

    it('ends what cannot be served or has no place, and goes on with the rest', async () => {
      await ship(bench, { model: 'odd' })
      await round(bench)
      bench.broken.set('2', 'its files are gone')
      await ship(bench, { model: 'odd' })
      await ship(bench, { model: 'stranger', endpoint: 'odd' })
      await ship(bench, { model: 'neighbour' })
      await round(bench)
      bench.broken.clear()
      await round(bench)
      const rows = await db.all<{ model: string; state: string; reason: string }>(
        "SELECT model, state, reason FROM rollouts WHERE endpoint = 'odd' ORDER BY created_at, id",
      )
      assert.deepEqual(
        rows.map((row) => [row.model, row.state]),
        [
          ['odd', 'promoted'],
          ['odd', 'aborted'],
          ['stranger', 'aborted'],
        ],
      )
      assert.match(rows[1]?.reason ?? '', /its files are gone/)
      assert.match(rows[2]?.reason ?? '', /serves model "odd"/)
      assert.equal((await newest(db, 'neighbour')).state, 'promoted')
      assert.deepEqual(await bench.deps.asked(), [])
    })

    it('counts each row, shadow and label once, however often it comes', async () => {
      const id = await begun('once')
      const made = await send(bench, 'once', { rows: 50, seed: 1 })
      await ingest(bench, made.records)
      await label(bench, 'once', made)
      await label(bench, 'once', made)
      assert.deepEqual(evidenceOf(await newest(db, 'once')).counts, { canary: 0, pairs: 50, labelled: 50, failed: 0 })
      const known = { prediction_id: 'once-2-0', label: 1 }
      bench.known.set(known.prediction_id, known.label)
      const later = await send(bench, 'once', { rows: 1, seed: 2 })
      assert.equal(later.labels[0]?.prediction_id, known.prediction_id)
      await label(bench, 'once', { records: [], labels: [known] })
      assert.equal(evidenceOf(await newest(db, 'once')).counts.labelled, 51)
      const { seq } = await newest(db, 'once')
      const more = await traffic(db, 'once', { rows: 10, seed: 3 })
      await assert.rejects(
        db.tx(async (t) => {
          await writeRecords(t, more.records, bench.hooks)
          throw new Error('the ingest fails')
        }),
        /the ingest fails/,
      )
      assert.equal((await newest(db, 'once')).seq, seq)
      await act(bench.deps, ann, id, { action: 'abort', reason: 'done' })
    })

    it('reads recorded traffic for a simulation: scores of both, labels, slices', async () => {
      const id = await begun('taped', { monitor: { slices: ['carrier'] } })
      const made = await send(bench, 'taped', { rows: 30, seed: 1, flipped: 'UA' })
      const first = made.labels[0]
      assert.ok(first !== undefined)
      bench.known.set(first.prediction_id, first.label)
      const wish = { endpoint: 'taped', slices: ['carrier'], limit: 20 }
      const rows = await recordedRows(bench.deps, { ...wish, version: '2', limit: 100 })
      assert.deepEqual([rows.length, rows[0]?.label], [30, first.label])
      assert.ok(rows.every((row, i) => i === 0 || row.at >= (rows[i - 1]?.at ?? 0)))
      assert.ok(
        rows.every((row) => row.stable !== null && row.candidate !== null && row.slices[0]?.startsWith('carrier=')),
      )
      assert.equal((await recordedRows(bench.deps, wish)).length, 20)
      assert.deepEqual(await recordedRows(bench.deps, { ...wish, version: '9' }), [])
      await assert.rejects(recordedRows(bench.deps, { ...wish, endpoint: 'none' }), { code: 'not_found' })
      await act(bench.deps, ann, id, { action: 'abort', reason: 'done' })
    })

    it('two controllers at once change nothing twice', async () => {
      const other = openRolloutBench(db, folder, bench.deps.clock)
      const both = () => Promise.all([round(bench), round(other)])
      await ship(bench, { model: 'twice' })
      await both()
      await ship(bench, { model: 'twice' })
      for (let seed = 1; seed < 60; seed++) {
        await both()
        const row = await newest(db, 'twice')
        if (row.version === '2' && row.finished_at !== null) break
        await send(bench, 'twice', { rows: 100, seed })
      }
      const { id, state } = await newest(db, 'twice')
      assert.equal(state, 'promoted')
      assert.equal((await db.all("SELECT id FROM rollouts WHERE endpoint = 'twice'")).length, 2)
      assert.deepEqual(await verdicts(id), ['advance', 'advance', 'promote'])
      assert.equal((await audited(id)).length, 5)
      assert.equal((await aliasHistory(bench.registry, 'twice')).length, 2)
      assert.deepEqual(other.errors, [])
    })

    it('a verdict whose observations were changed afterwards does not replay', async () => {
      const { id } = await newest(db, 'twice')
      const verdict = (await getRollout(db, id)).verdicts[0]?.id ?? ''
      assert.equal((await replayVerdict(db, id, verdict)).same, true)
      const row = await db.get<{ seq: number; observations: string }>(
        'SELECT seq, observations FROM rollout_observations WHERE rollout_id = ? AND observations LIKE \'%["c",0%\' ORDER BY seq LIMIT 1',
        [id],
      )
      const changed = JSON.parse(row?.observations ?? '[]') as unknown[][]
      const at = changed.findIndex((one) => one[0] === 'c')
      changed[at] = ['c', 1, 300, 1]
      await db.tx((t) =>
        t.run('UPDATE rollout_observations SET observations = ? WHERE rollout_id = ? AND seq = ?', [
          JSON.stringify(changed),
          id,
          row?.seq ?? 0,
        ]),
      )
      const { same, stored, replayed } = await replayVerdict(db, id, verdict)
      assert.equal(same, false)
      assert.notDeepEqual(stored.gates, replayed.gates)
      // the same difference in a verdict of before the rules were numbered says nothing of what it rests on
      assert.deepEqual([stored.rules, replayed.rules], [RULES, RULES])
      const { inputs } = (await db.get<{ inputs: string }>('SELECT inputs FROM rollout_verdicts WHERE id = ?', [
        verdict,
      ])) ?? { inputs: '{}' }
      const before = JSON.stringify({ ...(JSON.parse(inputs) as object), rules: undefined })
      await db.tx((t) => t.run('UPDATE rollout_verdicts SET inputs = ? WHERE id = ?', [before, verdict]))
      const old = await replayVerdict(db, id, verdict)
      assert.deepEqual([old.same, old.comparable, old.says], [false, false, `rules 1, now ${RULES}: not comparable`])
      await assert.rejects(replayVerdict(db, id, 'vdt_none'), { code: 'not_found' })
    })
  })
}
