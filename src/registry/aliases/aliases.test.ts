/** Aliases on SQLite: their history against a log kept in plain JavaScript, returns, removals, and what webhooks are told. */
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { openedOnce } from '../../../test/opened.ts'
import { prng } from '../../stats/prng.ts'
import { person, root, wanted } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import type { Registry } from '../context/context.ts'
import { openRegistry } from '../opened.fixture.ts'
import { registerVersion } from '../versions/register.ts'
import { deleteVersion } from '../versions/versions.ts'
import { aliasHistory, aliasVersion, modelsAt, movesSince, moveAlias, removeAlias, returnAlias } from './aliases.ts'
import type { Move, NamedAt, Return } from './aliases.ts'

let bench: Bench
openedOnce(openRegistry, (opened) => {
  bench = opened.bench
})

async function make(model: string, versions: number, project = 'default'): Promise<void> {
  for (let i = 0; i < versions; i++) {
    await registerVersion(bench.room, root, { ...(await wanted(bench, { model, auc: 0.5 + i / 100 })), project })
  }
}

function back(wish: Partial<Return> & Pick<Return, 'model' | 'from' | 'to'>): Promise<Move | undefined> {
  const asked = { alias: 'production', reason: 'rolled back', ...wish }
  return bench.room.db.tx((t) => returnAlias(t, bench.room, root, asked))
}

async function auditOf(id: string): Promise<Record<string, unknown>[]> {
  const rows = await bench.room.db.all<{ verb: string; resource: string; detail: string }>(
    'SELECT verb, resource, detail FROM audit WHERE resource_id = ? ORDER BY seq',
    [id],
  )
  return rows.map(({ detail, ...rest }) => ({ ...rest, ...(JSON.parse(detail) as object) }))
}

interface Logged {
  readonly at: number
  readonly model: string
  readonly alias: string
  readonly from: string | null
  readonly to: string | null
  readonly reason: string
}

/** Moves and removals at random, and the log of those that change something. Two may come at the same millisecond. */
async function moveAtRandom(models: readonly string[], moves: number): Promise<Logged[]> {
  const random = prng(20_240_131)
  const log: Logged[] = []
  const named = new Map<string, string>()
  for (let i = 0; i < moves; i++) {
    if (random.below(4) > 0) bench.wait(1 + random.below(3))
    const model = models[random.below(models.length)] ?? ''
    const alias = random.below(3) > 0 ? 'production' : 'challenger'
    const to = random.below(4) === 0 ? null : String(1 + random.below(3))
    const from = named.get(`${model}@${alias}`) ?? null
    const reason = `move ${i}`
    if (to === null) await removeAlias(bench.room, root, { model, alias, reason })
    else await moveAlias(bench.room, root, { model, alias, version: to, reason })
    if (to === null && from === null) continue
    log.push({ at: bench.room.clock(), model, alias, from, to, reason })
    if (to === null) named.delete(`${model}@${alias}`)
    else named.set(`${model}@${alias}`, to)
  }
  return log
}

/** What the log says that each alias named at a time. */
function namedAt(log: readonly Logged[], time: number): NamedAt[] {
  const then = new Map<string, NamedAt>()
  for (const { at, model, alias, to, reason } of log) {
    if (at > time) continue
    const since = new Date(at).toISOString()
    const more = { moved_by: 'admin', reason, verdict_id: null, imported_at: null }
    if (to === null) then.delete(`${model}@${alias}`)
    else then.set(`${model}@${alias}`, { model, alias, version: to, since, ...more })
  }
  return [...then].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
}

test('what each alias named at a time is what a log in plain JavaScript says, for each who may see', async () => {
  await make('seen-a', 3)
  await make('seen-b', 3, 'other')
  const start = bench.room.clock()
  const log = await moveAtRandom(['seen-a', 'seen-b'], 60)
  assert.ok(log.length > 40)
  for (let at = start - 1; at <= bench.room.clock() + 1; at++) {
    const expected = namedAt(log, at)
    assert.deepEqual(await modelsAt(bench.room.db, root, at), expected, `at ${at - start} ms`)
    const [own, others] = [person('viewer', 'other'), person('viewer', 'nowhere')]
    const mine = expected.filter((one) => one.model === 'seen-b')
    assert.deepEqual(await modelsAt(bench.room.db, own, at), mine)
    assert.deepEqual(await modelsAt(bench.room.db, others, at), [])
  }
  for (const { model, alias } of log) {
    const last = log.findLast((one) => one.model === model && one.alias === alias)
    assert.equal(await aliasVersion(bench.room.db, model, alias), last?.to ?? undefined)
  }
  const own = log.filter((one) => one.model === 'seen-a')
  const history = await aliasHistory(bench.room, 'seen-a')
  assert.deepEqual(
    history.map(({ at, model, alias, from, to, reason }) => ({ at: Date.parse(at), model, alias, from, to, reason })),
    own.toReversed(),
  )
  const rows = await bench.room.db.all<{ seq: number }>(
    "SELECT seq FROM alias_moves WHERE model = 'seen-a' ORDER BY seq",
  )
  assert.deepEqual(
    rows.map((row) => row.seq),
    own.map((_, i) => i + 1),
    'the moves of a model are numbered from 1 without holes',
  )
})

test('a return to a version that was deleted since moves nothing and is not in the audit trail', async () => {
  await make('deleted', 2)
  const of = { model: 'deleted', alias: 'production' }
  for (const version of ['1', '2']) await moveAlias(bench.room, root, { ...of, version })
  await deleteVersion(bench.room, root, 'deleted', '1')
  const before = [await aliasHistory(bench.room, 'deleted'), await auditOf('deleted@production')]
  assert.equal(await back({ ...of, from: '2', to: '1' }), undefined)
  assert.equal(await aliasVersion(bench.room.db, 'deleted', 'production'), '2')
  assert.deepEqual([await aliasHistory(bench.room, 'deleted'), await auditOf('deleted@production')], before)
})

test('a return goes only where this very alias of this very model has been', async () => {
  await make('here', 3)
  await make('there', 3)
  const move = (model: string, alias: string, version: string) => moveAlias(bench.room, root, { model, alias, version })
  await move('here', 'production', '1')
  await move('here', 'production', '2')
  await move('here', 'challenger', '3')
  await move('there', 'production', '3')
  assert.equal(await back({ model: 'here', from: '2', to: '3' }), undefined, 'others have named version 3')
  assert.equal(await back({ model: 'here', from: null, to: '1' }), undefined, 'nothing was left')
  assert.equal(await back({ model: 'here', alias: 'shadow', from: null, to: '1' }), undefined)
  assert.equal(await back({ model: 'here', from: '1', to: '2' }), undefined, 'it names version 2 already')
  bench.wait(1)
  const moved = await back({ model: 'here', from: '2', to: '1', reason: 'endpoint "e" was rolled back' })
  assert.deepEqual(moved, {
    model: 'here',
    alias: 'production',
    from: '2',
    to: '1',
    at: new Date(bench.room.clock()).toISOString(),
    actor: 'admin',
    reason: 'endpoint "e" was rolled back',
    verdict_id: null,
    imported_at: null,
  })
  assert.deepEqual((await auditOf('here@production')).at(-1), {
    verb: 'promote',
    resource: 'models',
    from: '2',
    to: '1',
    reason: 'endpoint "e" was rolled back',
    returned: true,
  })
  assert.equal(await aliasVersion(bench.room.db, 'here', 'challenger'), '3')
  assert.equal(await aliasVersion(bench.room.db, 'there', 'production'), '3')
})

test('a move says from where to where, by whom and when; a removal too, and removing nothing leaves no trace', async () => {
  await make('moves', 2)
  const of = { model: 'moves', alias: 'production' }
  const told = (from: string | null, to: string | null, reason: string, actor = 'admin') => ({
    ...of,
    from,
    to,
    at: new Date(bench.room.clock()).toISOString(),
    actor,
    reason,
    verdict_id: null,
    imported_at: null,
  })
  await removeAlias(bench.room, root, of)
  assert.deepEqual(await aliasHistory(bench.room, 'moves'), [])
  assert.deepEqual(await auditOf('moves@production'), [])
  const moved = await moveAlias(bench.room, person('maintainer', null), { ...of, version: '1' })
  assert.deepEqual(moved, told(null, '1', '', 'maintainer'))
  bench.wait(5)
  assert.deepEqual(await moveAlias(bench.room, root, { ...of, version: 2, reason: 'better' }), told('1', '2', 'better'))
  const row = await bench.room.db.get("SELECT version, moved_at FROM model_aliases WHERE model = 'moves'")
  assert.deepEqual(row, { version: 2, moved_at: bench.room.clock() })
  await moveAlias(bench.room, root, { ...of, alias: 'challenger', version: '1' })
  bench.wait(5)
  await removeAlias(bench.room, root, of)
  assert.deepEqual((await aliasHistory(bench.room, 'moves'))[0], told('2', null, ''))
  assert.equal(await aliasVersion(bench.room.db, 'moves', 'production'), undefined)
  assert.equal(await aliasVersion(bench.room.db, 'moves', 'challenger'), '1', 'another alias stays')
  const audit = await auditOf('moves@production')
  const promoted = { verb: 'promote', resource: 'models' }
  assert.deepEqual(audit, [
    { ...promoted, from: null, to: '1', reason: '', verdict: null },
    { ...promoted, from: '1', to: '2', reason: 'better', verdict: null },
    { ...promoted, from: '2', to: null },
  ])
})

test('moves since a time are those of one alias of one model to a version, later than it, in their order', async () => {
  await make('since', 3, 'since-own')
  await make('since-too', 3, 'since-own')
  let moves = 0
  const room = { ...bench.room, ids: (kind: string) => (kind === 'mov' ? `since-${++moves}` : bench.room.ids(kind)) }
  const move = (version: string, model = 'since', alias = 'production') =>
    moveAlias(room, person('maintainer', null), { model, alias, version })
  bench.wait(1)
  const first = room.clock()
  await move('1')
  bench.wait(1)
  await move('3', 'since', 'challenger')
  await move('3', 'since-too')
  await move('2')
  bench.wait(1)
  await removeAlias(room, root, { model: 'since', alias: 'production' })
  await move('3')
  await bench.room.db.tx((t) => t.run("UPDATE alias_moves SET imported_at = at WHERE id = 'since-6'"))
  await move('2')
  await move('1')
  const since = (at: number, project = 'since-own', model = 'since', alias = 'production') =>
    movesSince(room.db, { project, model, alias, since: at })
  const told = (n: number, version: string) => ({
    cause: `since-${n}`,
    what: `maintainer moved alias production of model since to version ${version}`,
  })
  const late = [told(7, '2'), told(8, '1')]
  assert.deepEqual(await since(first - 1), [told(1, '1'), told(4, '2'), ...late])
  assert.deepEqual(await since(first), [told(4, '2'), ...late], 'a move at that very time is not later')
  assert.deepEqual(await since(first + 1), late)
  assert.deepEqual(await since(first + 2), [])
  assert.deepEqual(await since(first, 'since-own', 'since', 'shadow'), [], 'an alias that was never moved')
  assert.equal(await since(first, 'default'), undefined, 'a model of another project')
  assert.equal(await since(first, 'since-own', 'nobody'), undefined)
})

test('the history of a model that is not there is refused, not empty', async () => {
  await assert.rejects(aliasHistory(bench.room, 'nobody'), { code: 'not_found' })
})

test('webhooks are told of a move with its version and of a removal without', async () => {
  await make('told', 1)
  const { db } = bench.room
  await db.tx(async (t) => {
    await t.run(
      "INSERT INTO webhooks (id, project, name, description, url, secret, status, created_at, updated_at) VALUES ('w', NULL, 'w', NULL, 'https://example.com', NULL, 'ACTIVE', 0, 0)",
    )
    for (const [position, action] of ['CREATED', 'DELETED'].entries()) {
      await t.run(
        "INSERT INTO webhook_events (webhook, position, entity, action) VALUES ('w', ?, 'MODEL_VERSION_ALIAS', ?)",
        [position, action],
      )
    }
  })
  await moveAlias(bench.room, root, { model: 'told', alias: 'production', version: '1' })
  bench.wait(1)
  await removeAlias(bench.room, root, { model: 'told', alias: 'production' })
  const rows = await db.all<{ body: string }>('SELECT body FROM webhook_deliveries ORDER BY at')
  const bodies = rows.map((row) => JSON.parse(row.body) as { action: string; data: unknown })
  assert.deepEqual(
    bodies.map(({ action, data }) => ({ action, data })),
    [
      { action: 'created', data: { name: 'told', alias: 'production', version: '1' } },
      { action: 'deleted', data: { name: 'told', alias: 'production' } },
    ],
  )
})

describe('what cannot be written as a whole is not written at all', () => {
  const of = { model: 'whole', alias: 'production' }
  const state = async () => [
    await bench.room.db.all("SELECT alias, version FROM model_aliases WHERE model = 'whole' ORDER BY alias"),
    (await aliasHistory(bench.room, 'whole')).length,
    (await auditOf('whole@production')).length,
  ]
  const works: Readonly<Record<string, (room: Registry) => Promise<unknown>>> = {
    move: (room) => moveAlias(room, root, { ...of, version: '1' }),
    return: (room) =>
      room.db.tx((t) => returnAlias(t, room, root, { ...of, from: '2', to: '1', reason: 'rolled back' })),
    removal: (room) => removeAlias(room, root, of),
  }
  before(async () => {
    await make('whole', 2)
    for (const version of ['1', '2']) await moveAlias(bench.room, root, { ...of, version })
  })
  for (const [name, work] of Object.entries(works)) {
    test(`a ${name} without its audit row`, async () => {
      const was = await state()
      const audit = { record: () => Promise.reject(new Error('the trail is full')) }
      await assert.rejects(work({ ...bench.room, audit }), /the trail is full/)
      assert.deepEqual(await state(), was)
    })
    test(`a ${name} without the message to its webhook`, async () => {
      const was = await state()
      const ids = (kind: string): string => {
        if (kind === 'dlv') throw new Error('no message')
        return bench.room.ids(kind)
      }
      await assert.rejects(work({ ...bench.room, ids }), /no message/)
      assert.deepEqual(await state(), was)
    })
    for (const table of ['model_aliases', 'alias_moves']) {
      test(`a ${name} without its row in ${table}`, async () => {
        const was = await state()
        const { db } = bench.room
        const kinds = ['INSERT', 'UPDATE', 'DELETE']
        await db.tx(async (t) => {
          for (const kind of kinds)
            await t.run(
              `CREATE TRIGGER full_${kind} BEFORE ${kind} ON ${table} BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`,
            )
        })
        await assert.rejects(work(bench.room), /the disk is full/)
        await db.tx(async (t) => {
          for (const kind of kinds) await t.run(`DROP TRIGGER full_${kind}`)
        })
        assert.deepEqual(await state(), was)
      })
    }
  }
})
