/** Cases: registration that is repeated, gates that hold at the moment of the move, overrides, races, history. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { verifyAudit } from '../../auth/audit.ts'
import type { Problem } from '../../contract/errors.ts'
import type { Db, Row } from '../../store/db.ts'
import { writeRows } from '../../transfer/rows.ts'
import { aliasHistory, aliasVersion, modelsAt, moveAlias, removeAlias } from './aliases.ts'
import type { NamedAt } from './aliases.ts'
import { person, root, wanted } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { wantedDeployments } from '../versions/deployments.ts'
import { RULES } from '../gates/gates.ts'
import { promote } from './promotion.ts'
import { registerVersion } from '../versions/register.ts'
import { registryTables } from '../moved/tables.ts'
import { readVerdict, replayVerdict } from '../gates/verdicts.ts'

const GATES = [{ metric: 'auc', at_least: 0.7 }]
const COMPATIBLE = [{ signature: 'compatible' as const }]

function withCode(code: string): (error: unknown) => boolean {
  return (error) => (error as Problem).code === code
}

export function promotionCases(bench: Bench): void {
  it('the same registration twice is one version with one verdict', async () => {
    const asked = await wanted(bench, { model: 'twice', gates: GATES, pipeline: 'run_1' })
    const first = await registerVersion(bench.room, root, asked)
    bench.wait(1000)
    assert.deepEqual(await registerVersion(bench.room, root, asked), first)
    const verdicts = await bench.room.db.all("SELECT id FROM verdicts WHERE model = 'twice'")
    assert.equal(verdicts.length, 1)
    const jobs = await bench.room.db.all("SELECT id FROM jobs WHERE kind = 'lower' AND key = 'twice/1'")
    assert.equal(jobs.length, 1)
  })

  it('a registration that died between version and verdict is finished by the next', async () => {
    const asked = await wanted(bench, { model: 'died', gates: GATES, pipeline: 'run_2' })
    const dying = {
      ...bench.room,
      ids: (prefix: string): string => {
        if (prefix === 'ver') throw new Error('killed here')
        return bench.room.ids(prefix)
      },
    }
    await assert.rejects(registerVersion(dying, root, asked), /killed here/)
    const before = await bench.room.db.all("SELECT version, verdict_id FROM model_versions WHERE model = 'died'")
    assert.deepEqual(before, [{ version: 1, verdict_id: null }])
    const done = await registerVersion(bench.room, root, asked)
    assert.equal(done.version, '1')
    assert.equal((await readVerdict(bench.room.db, done.verdict_id)).passed, true)
  })

  it('registrations at the same time get numbers of their own', async () => {
    const asked = await Promise.all([1, 2, 3, 4].map((n) => wanted(bench, { model: 'many', auc: n / 10 })))
    const made = await Promise.all(asked.map((one) => registerVersion(bench.room, root, one)))
    assert.deepEqual(made.map((one) => one.version).sort(), ['1', '2', '3', '4'])
  })

  it('a version whose gates do not hold asks for no endpoint', async () => {
    const deployment = { endpoint: 'e', project: 'default', plan: null, monitor: {} }
    const bad = await registerVersion(bench.room, root, {
      ...(await wanted(bench, { model: 'asks', auc: 0.5, gates: GATES })),
      deployment,
    })
    assert.equal(bad.passed, false)
    await registerVersion(bench.room, root, {
      ...(await wanted(bench, { model: 'asks', auc: 0.9, gates: GATES })),
      deployment,
    })
    const found = (await wantedDeployments(bench.room.db)).filter((one) => one.model === 'asks')
    assert.deepEqual(
      found.map((one) => one.version),
      ['2'],
    )
  })

  it('a failed gate refuses the alias, unless an admin gives a reason', async () => {
    await registerVersion(bench.room, root, await wanted(bench, { model: 'gated', auc: 0.6, gates: GATES }))
    const wish = { model: 'gated', alias: 'production', version: '1' }
    await assert.rejects(moveAlias(bench.room, root, wish), (error: Problem) => {
      assert.equal(error.code, 'gate_refused')
      assert.match(error.message, /gated version 1 may not become production: .*auc/)
      return true
    })
    assert.equal(await aliasVersion(bench.room.db, 'gated', 'production'), undefined)
    const override = { ...wish, override: true, reason: 'the old one is broken' }
    await assert.rejects(moveAlias(bench.room, person('maintainer', null), override), withCode('forbidden'))
    await assert.rejects(moveAlias(bench.room, root, { ...override, reason: ' ' }), withCode('invalid_field'))
    const move = await moveAlias(bench.room, root, override)
    assert.equal(move.to, '1')
    const audit = await bench.room.db.get<{ detail: string }>(
      "SELECT detail FROM audit WHERE resource_id = 'gated@production'",
    )
    assert.match(audit?.detail ?? '', /"overridden":true/)
    assert.match(audit?.detail ?? '', /the old one is broken/)
    assert.equal((await verifyAudit(bench.room.db)).ok, true)
  })

  it('an alias that is brought in is not judged, and history, audit trail and point in time say so', async () => {
    await registerVersion(bench.room, root, await wanted(bench, { model: 'arrives', auc: 0.6, gates: GATES }))
    const at = bench.room.clock() - 1000
    const write = async (name: string, row: Row): Promise<void> => {
      const table = registryTables(bench.room).find((one) => one.name === name)
      assert.ok(table !== undefined)
      await writeRows(bench.room.db, root, table, { rows: [row], dryRun: false })
    }
    const named = { model: 'arrives', alias: 'production' }
    await write('model_aliases', { ...named, version: 1, moved_at: at })
    const there = async (at: number): Promise<NamedAt[]> =>
      (await modelsAt(bench.room.db, root, at)).filter(({ model }) => model === 'arrives')
    const [bare] = await there(at)
    assert.deepEqual([bare?.version, bare?.moved_by, bare?.since], ['1', 'import', new Date(at).toISOString()])
    assert.deepEqual(await there(at - 1), [])
    const move = { id: 'move_there', seq: 1, ...named, from_version: null, to_version: 1, at, actor: 'ada', reason: '' }
    await write('alias_moves', { ...move, verdict_id: null })
    const [told, ...others] = await aliasHistory(bench.room, 'arrives')
    assert.deepEqual([told?.actor, others], ['ada', []], 'the move itself takes the place of what stood for it')
    assert.equal(told?.at, new Date(at).toISOString())
    assert.equal(told.imported_at, new Date(bench.room.clock()).toISOString())
    const [then] = await there(bench.room.clock())
    assert.equal(then?.imported_at, told.imported_at)
    const audit = await bench.room.db.get<{ detail: string }>(
      "SELECT detail FROM audit WHERE resource_id = 'arrives@production'",
    )
    const detail = JSON.parse(audit?.detail ?? '{}') as Record<string, unknown>
    assert.equal(detail['imported'], true)
    assert.deepEqual(
      detail['unjudged'],
      GATES.map((gate) => JSON.stringify(gate)),
    )
    // the next move is judged as ever
    await assert.rejects(moveAlias(bench.room, root, { ...named, version: '1' }), withCode('gate_refused'))
    bench.wait(1000)
    await removeAlias(bench.room, root, named)
    assert.equal((await aliasHistory(bench.room, 'arrives'))[0]?.imported_at, null)
  })

  it('an alias that answers nobody needs no gate', async () => {
    const move = await moveAlias(bench.room, root, { model: 'gated', alias: 'challenger', version: '1' })
    assert.equal(move.verdict_id, null)
  })

  it('movers at the same time make one chain of moves', async () => {
    for (const auc of [0.8, 0.81, 0.82]) {
      await registerVersion(bench.room, root, await wanted(bench, { model: 'race', auc, gates: COMPATIBLE }))
    }
    const moves = ['1', '2', '3', '1', '2', '3'].map((version) =>
      moveAlias(bench.room, root, { model: 'race', alias: 'production', version }),
    )
    await Promise.all(moves)
    const history = (await aliasHistory(bench.room, 'race')).toReversed()
    assert.equal(history.length, 6)
    let before: string | null = null
    for (const move of history) {
      assert.equal(move.from, before)
      const verdict = await readVerdict(bench.room.db, move.verdict_id ?? '')
      const against: string | null = before === null || before === move.to ? null : `race/${before}`
      assert.equal(verdict.against, against, 'judged against what was in production at the move')
      before = move.to
    }
    assert.equal(await aliasVersion(bench.room.db, 'race', 'production'), before)
  })

  it('what moved while a version was judged is judged again', async () => {
    await registerVersion(bench.room, root, await wanted(bench, { model: 'moved', auc: 0.8, gates: COMPATIBLE }))
    await registerVersion(bench.room, root, await wanted(bench, { model: 'moved', auc: 0.9, gates: COMPATIBLE }))
    let meanwhile = 0
    const { db } = bench.room
    const slow = Object.create(db, {
      tx: {
        value: async (work: Parameters<Db['tx']>[0]) => {
          if (meanwhile++ === 0) {
            await moveAlias(bench.room, root, { model: 'moved', alias: 'production', version: '1' })
          }
          return db.tx(work)
        },
      },
      get: { value: (...args: Parameters<Db['get']>) => db.get(...args) },
      all: { value: (...args: Parameters<Db['all']>) => db.all(...args) },
    }) as Db
    const verdict = await promote(
      { ...bench.room, db: slow },
      root,
      { model: 'moved', alias: 'production', version: '2' },
      async (_, allowed) => allowed.verdict,
    )
    assert.equal((await readVerdict(bench.room.db, verdict ?? '')).against, 'moved/1')
    assert.equal(meanwhile, 2)
  })

  it('a verdict replays to the same result', async () => {
    const rows = await bench.room.db.all<{ id: string }>('SELECT id FROM verdicts')
    assert.ok(rows.length > 10)
    for (const { id } of rows) {
      const { same, stored, replayed } = await replayVerdict(bench.room, id)
      assert.equal(same, true)
      assert.deepEqual(replayed, stored)
    }
  })

  it('a verdict of other rules that comes out otherwise is not called changed: both rules and both results are told', async () => {
    const row = await bench.room.db.get<{ id: string; results: string; inputs: string }>(
      "SELECT id, results, inputs FROM verdicts WHERE results LIKE '%is 0.%' ORDER BY at LIMIT 1",
    )
    assert.ok(row)
    const keep = async (rules: number | undefined, results: string): Promise<void> => {
      const inputs = JSON.stringify({ ...(JSON.parse(row.inputs) as object), rules })
      await bench.room.db.tx((t) =>
        t.run('UPDATE verdicts SET results = ?, inputs = ? WHERE id = ?', [results, inputs, row.id]),
      )
    }
    const replay = async () => {
      const { same, comparable, says, stored, replayed } = await replayVerdict(bench.room, row.id)
      return { same, comparable, says, rules: [stored.rules, replayed.rules] }
    }
    const otherwise = row.results.replace('is 0.', 'was 0.')
    await keep(undefined, otherwise)
    assert.deepEqual(await replay(), {
      same: false,
      comparable: false,
      says: 'rules 1, now 3: not comparable',
      rules: [1, RULES],
    })
    await keep(undefined, row.results)
    assert.deepEqual(await replay(), {
      same: true,
      comparable: true,
      says: 'the same result by rules 1 and by rules 3',
      rules: [1, RULES],
    })
    await keep(RULES, otherwise)
    const changed = await replay()
    assert.deepEqual([changed.same, changed.comparable], [false, true])
    assert.match(changed.says, /by the same rules/)
    await keep(RULES, row.results)
    assert.equal((await replay()).says, 'the same result')
  })

  it('tells what each alias named at a time, to those who may see the model', async () => {
    await registerVersion(bench.room, root, await wanted(bench, { model: 'past', auc: 0.8 }))
    await registerVersion(bench.room, root, await wanted(bench, { model: 'past', auc: 0.9 }))
    const at = async (when: number, who = root): Promise<string[]> =>
      (await modelsAt(bench.room.db, who, when)).filter((one) => one.model === 'past').map((one) => one.version)
    const start = bench.room.clock()
    bench.wait(1000)
    await moveAlias(bench.room, root, { model: 'past', alias: 'production', version: '1' })
    bench.wait(1000)
    await moveAlias(bench.room, root, { model: 'past', alias: 'production', version: '2' })
    bench.wait(1000)
    await removeAlias(bench.room, root, { model: 'past', alias: 'production' })
    assert.deepEqual(await at(start), [])
    assert.deepEqual(await at(start + 1000), ['1'])
    assert.deepEqual(await at(start + 1999), ['1'])
    assert.deepEqual(await at(start + 2500), ['2'])
    assert.deepEqual(await at(start + 3000), [])
    assert.deepEqual(await at(start + 2500, person('viewer', 'default')), ['2'])
    assert.deepEqual(await at(start + 2500, person('viewer', 'other')), [])
  })
}
