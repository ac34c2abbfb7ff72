/** Promotion on SQLite: which aliases are guarded, whom a failed gate stops, and what happens while a version is judged. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openedOnce } from '../../../test/opened.ts'
import type { Problem } from '../../contract/errors.ts'
import type { Gate } from '../../contract/registry.ts'
import { person, root, wanted } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { writePolicy } from '../gates/policy.ts'
import { interrupted, openRegistry } from '../opened.fixture.ts'
import { registerVersion } from '../versions/register.ts'
import { deleteVersion } from '../versions/versions.ts'
import { aliasVersion, moveAlias } from './aliases.ts'
import { isGuarded, promote, requirePromote } from './promotion.ts'

const FREE = ['candidate', 'challenger', 'archived', 'shadow', 'staging', 'none']
const GATES: Gate[] = [{ metric: 'auc', at_least: 0.7 }, { metric: 'auc', at_most: 0.75 }, { data: 'digest known' }]

let bench: Bench
openedOnce(openRegistry, (opened) => {
  bench = opened.bench
})

async function make(model: string, gates: readonly Gate[], ...areas: number[]): Promise<void> {
  for (const auc of areas) await registerVersion(bench.room, root, await wanted(bench, { model, auc, gates }))
}

async function lowerings(model: string): Promise<string[]> {
  const rows = await bench.room.db.all<{ key: string }>(
    "SELECT key FROM jobs WHERE kind = 'lower' AND key LIKE ? ORDER BY key",
    [`${model}/%`],
  )
  return rows.map((row) => row.key)
}

describe('which aliases and stages are guarded', () => {
  for (const alias of FREE) {
    test(`${alias} is free in any case`, () => {
      assert.equal(isGuarded(alias), false)
      assert.equal(isGuarded(alias.toUpperCase()), false)
    })
  }
  test('every other one is guarded, and needs the right to promote', () => {
    for (const alias of ['production', 'Production', 'champion', 'candidates', '']) assert.equal(isGuarded(alias), true)
    for (const role of ['viewer', 'contributor'] as const) {
      assert.throws(
        () => requirePromote(person(role, null), 'production'),
        (error: Problem) => {
          assert.equal(error.code, 'forbidden')
          assert.equal(error.message, `role ${role} may not promote models`)
          return true
        },
      )
      requirePromote(person(role, null), 'challenger')
    }
    for (const role of ['maintainer', 'admin'] as const) requirePromote(person(role, null), 'production')
  })
})

test('a refusal names the gates that do not hold, and those alone', async () => {
  await make('refused', GATES, 0.6, 0.8)
  const wish = { model: 'refused', alias: 'production', version: 1 }
  await assert.rejects(moveAlias(bench.room, root, wish), (error: Problem) => {
    assert.equal(error.code, 'gate_refused')
    assert.equal(error.message, 'refused version 1 may not become production: auc at least 0.7: auc is 0.6, below 0.7')
    const { gates, version } = error.data as unknown as { gates: { name: string }[]; version: unknown }
    assert.equal(version, '1')
    assert.deepEqual(
      gates.map((one) => one.name),
      ['auc at least 0.7'],
    )
    return true
  })
  await assert.rejects(
    moveAlias(bench.room, root, { ...wish, version: 2 }),
    /auc at most 0\.75: auc is 0\.8, above 0\.75$/,
  )
  assert.equal(await aliasVersion(bench.room.db, 'refused', 'production'), undefined)
})

test('an override is an admin with a reason; what needs none is not called one', async () => {
  await make('override', GATES, 0.6, 0.72)
  const wish = { model: 'override', alias: 'production', version: '1', override: true, reason: 'needed' }
  await assert.rejects(moveAlias(bench.room, person('maintainer', null), wish), {
    code: 'forbidden',
    message: 'role maintainer may not override the gates of models',
  })
  const { reason: _, ...silent } = wish
  for (const [one, value] of [
    [silent, ''],
    [{ ...wish, reason: ' \n' }, ' \n'],
  ] as const) {
    await assert.rejects(moveAlias(bench.room, root, one), {
      code: 'invalid_field',
      message: `reason: got ${value}, expected why the gates are overridden`,
    })
  }
  const allowed = (version: string) =>
    promote(bench.room, root, { ...wish, version }, (_t, given) => Promise.resolve(given))
  const [bad, good] = [await allowed('1'), await allowed('2')]
  assert.deepEqual([bad.version, bad.overridden, good.version, good.overridden], [1, true, 2, false])
  assert.notEqual(good.verdict, null)
})

test('a free alias asks for no verdict, a guarded one of a model without gates neither', async () => {
  await make('free', GATES, 0.6)
  const allowed = (alias: string) =>
    promote(bench.room, root, { model: 'free', alias, version: '1' }, (_t, given) => Promise.resolve(given))
  const count = async (): Promise<number> =>
    (await bench.room.db.all("SELECT id FROM verdicts WHERE model = 'free'")).length
  const before = await count()
  assert.deepEqual(await allowed('Challenger'), { version: 1, verdict: null, overridden: false })
  await make('bare', [], 0.6)
  const bare = await promote(bench.room, root, { model: 'bare', alias: 'production', version: '1' }, (_t, given) =>
    Promise.resolve(given),
  )
  assert.deepEqual(bare, { version: 1, verdict: null, overridden: false })
  assert.equal(await count(), before)
})

test('what is promoted against its gates is lowered, what is free or was not refused is not asked for again', async () => {
  await make('lowered', GATES, 0.6, 0.72)
  assert.deepEqual(await lowerings('lowered'), ['lowered/2'])
  await moveAlias(bench.room, root, { model: 'lowered', alias: 'challenger', version: '1' })
  await moveAlias(bench.room, root, { model: 'lowered', alias: 'production', version: '2' })
  assert.deepEqual(await lowerings('lowered'), ['lowered/2'])
  const wish = { model: 'lowered', alias: 'production', version: '1', override: true, reason: 'needed' }
  await moveAlias(bench.room, root, wish)
  assert.deepEqual(await lowerings('lowered'), ['lowered/1 wanted', 'lowered/2'])
})

test('a promotion whose lowering cannot be asked for is not done', async () => {
  await make('unlowered', GATES, 0.6)
  const { db } = bench.room
  await db.tx((t) =>
    t.run("CREATE TRIGGER no_jobs BEFORE INSERT ON jobs BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"),
  )
  const wish = { model: 'unlowered', alias: 'production', version: '1', override: true, reason: 'needed' }
  await assert.rejects(moveAlias(bench.room, root, wish), /the disk is full/)
  await db.tx((t) => t.run('DROP TRIGGER no_jobs'))
  assert.equal(await aliasVersion(db, 'unlowered', 'production'), undefined)
  assert.deepEqual(await lowerings('unlowered'), [])
})

test('a version that was refused once and holds now is lowered when it is promoted', async () => {
  await make('late', [{ metric: 'auc', at_least: 0.7 }], 0.6)
  assert.deepEqual(await lowerings('late'), [])
  await bench.room.db.tx((t) =>
    t.run(`UPDATE registered_models SET gates = '[{"metric":"auc","at_least":0.5}]' WHERE name = 'late'`),
  )
  await moveAlias(bench.room, root, { model: 'late', alias: 'production', version: '1' })
  assert.deepEqual(await lowerings('late'), ['late/1 wanted'])
})

test('a version that is refused while nothing guards its alias is not lowered', async () => {
  await make('unguarded', [{ metric: 'auc', at_least: 0.7 }], 0.6)
  await moveAlias(bench.room, root, { model: 'unguarded', alias: 'shadow', version: '1' })
  assert.deepEqual(await lowerings('unguarded'), [])
})

test('eight judgements that are each out of date are a conflict, seven are not', async () => {
  for (const rivals of [7, 8]) {
    const model = `rivals-${rivals}`
    await make(model, [{ signature: 'compatible' }], 0.7, 0.8, 0.9)
    let transactions = 0
    const room = interrupted(bench.room, async (transaction) => {
      transactions = transaction
      if (transaction > rivals) return
      const version = transaction % 2 === 0 ? '1' : '2'
      await moveAlias(bench.room, root, { model, alias: 'production', version })
    })
    const asked = moveAlias(room, root, { model, alias: 'production', version: '3' })
    if (rivals === 7) assert.equal((await asked).from, '2')
    else {
      await assert.rejects(asked, {
        code: 'conflict',
        message: `the aliases of "${model}" change faster than a version can be judged`,
      })
    }
    assert.equal(transactions, 8)
  }
})

test('gates that come while a version without gates is promoted are judged', async () => {
  await make('ruled', [], 0.6)
  const room = interrupted(bench.room, async (transaction) => {
    if (transaction > 1) return
    const gates: Gate[] = [{ metric: 'auc', at_least: 0.7 }]
    await writePolicy(bench.room, root, 'ruled', { gates, require_signature: false, keys: [] })
  })
  await assert.rejects(moveAlias(room, root, { model: 'ruled', alias: 'production', version: '1' }), {
    code: 'gate_refused',
  })
})

test('a version that is deleted while it is judged, and a model or version that is not there, are not found', async () => {
  await make('going', [{ metric: 'auc', at_least: 0.5 }], 0.6)
  const room = interrupted(bench.room, () => deleteVersion(bench.room, root, 'going', '1'))
  const wish = { model: 'going', alias: 'production', version: '1' }
  await assert.rejects(moveAlias(room, root, wish), { code: 'not_found', message: /model version "going\/1"/ })
  await assert.rejects(moveAlias(bench.room, root, { ...wish, version: '7' }), { code: 'not_found' })
  for (const alias of ['production', 'challenger'])
    await assert.rejects(moveAlias(bench.room, root, { ...wish, alias, model: 'no' }), {
      code: 'not_found',
      message: /^model "no"/,
    })
})
