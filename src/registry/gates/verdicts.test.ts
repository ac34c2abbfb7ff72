/** Verdicts on SQLite: what waits and what has failed, judgements that are out of date, and facts that cannot be written. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openedOnce } from '../../../test/opened.ts'
import type { Problem } from '../../contract/errors.ts'
import type { Gate } from '../../contract/registry.ts'
import { moveAlias, removeAlias } from '../aliases/aliases.ts'
import { person, root, wanted } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { requireVersion } from '../context/context.ts'
import type { Registry } from '../context/context.ts'
import { interrupted, openRegistry } from '../opened.fixture.ts'
import { deleteModel } from '../versions/models.ts'
import { registerVersion } from '../versions/register.ts'
import { deleteVersion } from '../versions/versions.ts'
import { approve, withdraw } from './approvals.ts'
import { readPolicy, writePolicy } from './policy.ts'
import { judgeVersion, knownRefusal, readVerdict, rejudge } from './verdicts.ts'

const APPROVED: Gate = { approvals: 1, role: 'maintainer' }
const GOOD: Gate = { metric: 'auc', at_least: 0.5 }
const BAD: Gate = { metric: 'auc', at_least: 0.9 }

let bench: Bench
openedOnce(openRegistry, (opened) => {
  bench = opened.bench
})

async function make(model: string, gates: readonly Gate[]): Promise<void> {
  await registerVersion(bench.room, root, await wanted(bench, { model, auc: 0.8, gates }))
}

const row = (model: string) => requireVersion(bench.room.db, model, 1)

test('a version waits where all that does not hold may still come; one gate that failed ends that', async () => {
  const CASES: readonly (readonly [readonly Gate[], passed: boolean, waiting: boolean])[] = [
    [[], true, false],
    [[GOOD], true, false],
    [[BAD], false, false],
    [[APPROVED], false, true],
    [[GOOD, APPROVED, { reproducibility: 'B' }], false, true],
    [[BAD, APPROVED], false, false],
    [[APPROVED, { metric: 'f1', at_least: 0 }], false, false],
  ]
  for (const [i, [gates, passed, waiting]] of CASES.entries()) {
    await make(`waits-${i}`, gates)
    const judged = await judgeVersion(bench.room, await row(`waits-${i}`))
    assert.deepEqual([judged.passed, judged.waiting], [passed, waiting], JSON.stringify(gates))
    assert.equal(judged.results.length, gates.length)
  }
})

test('a refusal is known without a judgement where the last one still stands, and of what passed there is none', async () => {
  await make('known-good', [GOOD])
  await make('known-bad', [BAD])
  for (const model of ['known-good', 'known-bad']) await rejudge(bench.room, await row(model))
  const known = async (model: string) => knownRefusal(bench.room.db, await row(model))
  assert.equal(await known('known-good'), null)
  assert.match((await known('known-bad')) ?? '', /auc/)
})

test('a judgement is current until a gate, a fact or what production is changes', async () => {
  await make('current', [GOOD])
  const judged = await judgeVersion(bench.room, await row('current'))
  const current = () => bench.room.db.tx((t) => judged.isCurrent(t))
  assert.equal(await current(), true)
  bench.wait(1000)
  assert.equal(await current(), true, 'time alone changes nothing')
  await approve(bench.room, { ...person('maintainer', null), name: 'ann' }, { model: 'current', version: '1' }, '')
  assert.equal(await current(), false)
})

test('an alias that is taken away still stands for the version that it named last, while that is kept', async () => {
  const { room } = bench
  const gates: Gate[] = [{ metric: 'auc', not_worse_than: 'production', margin: 0, confidence: 0.95 }]
  const alias = { model: 'away', alias: 'production' }
  const add = async (auc: number) => registerVersion(room, root, await wanted(bench, { model: 'away', auc, gates }))
  await add(0.8)
  await moveAlias(room, root, { ...alias, version: '1' })
  await add(0.7)
  await removeAlias(room, root, alias)
  const refused = (error: Problem): boolean => error.code === 'gate_refused' && error.message.includes('version 1')
  await assert.rejects(moveAlias(room, root, { ...alias, version: '2' }), refused)
  await add(0.9)
  await moveAlias(room, root, { ...alias, version: '3' })
  await removeAlias(room, root, alias)
  await deleteVersion(room, root, 'away', '3')
  await moveAlias(room, root, { ...alias, version: '1' })
})

test('each comparison is with the alias that it names, as that stands at the moment or stood last', async () => {
  const { room } = bench
  const beside = (not_worse_than: string): Gate => ({ metric: 'auc', not_worse_than, margin: 0, confidence: 0.95 })
  const gates = [beside('challenger'), beside('production')]
  const add = async (auc: number) => registerVersion(room, root, await wanted(bench, { model: 'named', auc, gates }))
  for (const auc of [0.6, 0.8, 0.7]) await add(auc)
  const move = (alias: string, version: string) => moveAlias(room, root, { model: 'named', alias, version })
  const judged = async (version: number): Promise<string[]> =>
    (await judgeVersion(room, await requireVersion(room.db, 'named', version))).results.map(
      (one) => `${one.outcome}: ${/version \d/.exec(one.reason)?.[0] ?? 'nothing'}`,
    )
  await move('production', '1')
  await move('challenger', '2')
  assert.deepEqual(await judged(3), ['failed: version 2', 'passed: version 1'])
  await assert.rejects(move('production', '3'), { code: 'gate_refused', message: /version 2/ })
  await move('challenger', '1')
  assert.deepEqual(await judged(3), ['passed: version 1', 'passed: version 1'])
  await move('challenger', '2')
  await removeAlias(room, root, { model: 'named', alias: 'challenger' })
  assert.deepEqual(await judged(3), ['failed: version 2', 'passed: version 1'])
  assert.deepEqual((await judged(2))[1], 'passed: version 1', 'a version is not compared with itself')
  await move('challenger', '3')
  await move('production', '3')
  assert.deepEqual(await judged(1), ['failed: version 3', 'failed: version 3'])
})

test('a model that is made again is not compared with versions of the former one', async () => {
  const { room } = bench
  const gates: Gate[] = [{ metric: 'auc', not_worse_than: 'production', margin: 0, confidence: 0.95 }]
  const add = async (auc: number) => registerVersion(room, root, await wanted(bench, { model: 'again', auc, gates }))
  const alias = { model: 'again', alias: 'production' }
  await add(0.8)
  await moveAlias(room, root, { ...alias, version: '1' })
  await removeAlias(room, root, alias)
  bench.wait(1000)
  await deleteModel(room, root, 'again')
  await add(0.9)
  await add(0.7)
  await moveAlias(room, root, { ...alias, version: '2' })
})

test('what changes while a version is judged again is judged too', async () => {
  await make('meanwhile', [GOOD])
  let transactions = 0
  const slow = interrupted(bench.room, async (transaction) => {
    transactions = transaction
    const policy = { gates: [BAD], require_signature: false, keys: [] }
    if (transaction === 1) await writePolicy(bench.room, root, 'meanwhile', policy)
  })
  assert.equal(await rejudge(slow, { model: 'meanwhile', version: 1 }), false)
  assert.equal(transactions, 2)
  const { verdict_id } = await row('meanwhile')
  const verdict = await readVerdict(bench.room.db, verdict_id ?? '')
  assert.deepEqual([verdict.passed, verdict.gates.length], [false, 2])
})

test('a policy, an approval or a withdrawal that the audit trail cannot take is not kept', async () => {
  await make('trail', [APPROVED])
  const of = { model: 'trail', version: '1' }
  const ann = { ...person('maintainer', null), name: 'ann' }
  const full: Registry = { ...bench.room, audit: { record: () => Promise.reject(new Error('the trail is full')) } }
  const approvals = () => bench.room.db.all("SELECT name FROM model_approvals WHERE model = 'trail'")
  await assert.rejects(approve(full, ann, of, ''), /the trail is full/)
  assert.deepEqual(await approvals(), [])
  await approve(bench.room, ann, of, '')
  await assert.rejects(withdraw(full, ann, of), /the trail is full/)
  assert.deepEqual(await approvals(), [{ name: 'ann' }])
  const policy = { gates: [BAD], require_signature: false, keys: [] }
  await assert.rejects(writePolicy(full, root, 'trail', policy), /the trail is full/)
  assert.deepEqual((await readPolicy(bench.room.db, 'trail')).gates, [])
})

test('a verdict that is not there is not found', async () => {
  await assert.rejects(readVerdict(bench.room.db, 'ver_none'), { code: 'not_found', message: /verdict "ver_none"/ })
})
