/** Approvals on SQLite: one for each person and token, counted once a person, and each change judges the version anew. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openedOnce } from '../../../test/opened.ts'
import type { Principal } from '../../contract/access.ts'
import { person, root, wanted } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { requireVersion } from '../context/context.ts'
import { openRegistry } from '../opened.fixture.ts'
import { registerVersion } from '../versions/register.ts'
import { approvalFacts } from './approval-facts.ts'
import { approvalsOf, approve, withdraw } from './approvals.ts'
import { readVerdict, rejudge } from './verdicts.ts'

let bench: Bench
openedOnce(openRegistry, (opened) => {
  bench = opened.bench
})

const token = (name: string, id: string, role: 'maintainer' | 'admin' = 'maintainer'): Principal => ({
  ...person(role, null),
  name,
  id,
})

async function make(model: string, approvals: number): Promise<{ model: string; version: string }> {
  const gates = [{ approvals, role: 'maintainer' as const }]
  const { version } = await registerVersion(bench.room, root, await wanted(bench, { model, gates }))
  return { model, version }
}

test('several tokens of one person are one approval, and taking one back leaves the other', async () => {
  const of = await make('tokens', 2)
  const facts = async () => approvalFacts(bench.room.db, await requireVersion(bench.room.db, of.model, of.version))
  await approve(bench.room, token('ann', 'a1'), of, 'first')
  bench.wait(1)
  await approve(bench.room, token('ann', 'a2'), of, 'second')
  assert.deepEqual(await facts(), [{ by: 'ann', role: 'maintainer' }])
  await approve(bench.room, token('ben', 'b1', 'admin'), of, '')
  assert.deepEqual(await facts(), [
    { by: 'ann', role: 'maintainer' },
    { by: 'ben', role: 'admin' },
  ])
  await withdraw(bench.room, token('ann', 'a1'), of)
  assert.deepEqual((await facts()).length, 2)
  await withdraw(bench.room, token('ann', 'a2'), of)
  assert.deepEqual(await facts(), [{ by: 'ben', role: 'admin' }])
})

test('of several approvals of one person the strongest role counts, whichever came last', async () => {
  const gates = [{ approvals: 1, role: 'admin' as const }]
  const { version } = await registerVersion(bench.room, root, await wanted(bench, { model: 'strongest', gates }))
  const of = { model: 'strongest', version }
  const holds = async (): Promise<boolean> => {
    const row = await requireVersion(bench.room.db, of.model, of.version)
    return (await readVerdict(bench.room.db, row.verdict_id ?? '')).passed
  }
  const [admin, maintainer, service] = [
    token('ann', 'a1', 'admin'),
    token('ann', 'a2'),
    { ...token('ann', 'a3'), role: 'service' as const },
  ]
  for (const who of [maintainer, admin, service]) await approve(bench.room, who, of, '')
  assert.deepEqual(await approvalFacts(bench.room.db, await requireVersion(bench.room.db, of.model, of.version)), [
    { by: 'ann', role: 'admin' },
  ])
  assert.equal(await holds(), true)
  await withdraw(bench.room, admin, of)
  assert.equal(await holds(), false, 'a maintainer is no admin')
})

test('the list shows each token, oldest first; approving again changes it and its time', async () => {
  const of = await make('listed', 1)
  const shown = async () =>
    (await approvalsOf(bench.room.db, { model: 'listed', version: 1 })).map(({ by, role, at, comment }) => [
      by,
      role,
      Date.parse(at) - start,
      comment,
    ])
  const start = bench.room.clock()
  await approve(bench.room, token('ann', 'z'), of, 'first')
  bench.wait(10)
  await approve(bench.room, token('ben', 'y'), of, 'second')
  const first = [
    ['ann', 'maintainer', 0, 'first'],
    ['ben', 'maintainer', 10, 'second'],
  ]
  assert.deepEqual(await shown(), first)
  bench.wait(10)
  await approve(bench.room, token('ann', 'z', 'admin'), of, 'again')
  assert.deepEqual(await shown(), [first[1], ['ann', 'admin', 20, 'again']])
  await approve(bench.room, token('cid', 'a'), of, '')
  assert.deepEqual((await shown()).slice(1), [
    ['cid', 'maintainer', 20, ''],
    ['ann', 'admin', 20, 'again'],
  ])
})

test('the verdict follows each approval and each withdrawal, and the audit trail tells both', async () => {
  const of = await make('judged', 1)
  const passed = async (): Promise<boolean> => {
    const { verdict_id } = await requireVersion(bench.room.db, of.model, of.version)
    return (await readVerdict(bench.room.db, verdict_id ?? '')).passed
  }
  assert.equal(await passed(), false)
  const ann = token('ann', 'a1')
  const row = await approve(bench.room, ann, of, 'looks right')
  assert.equal((await readVerdict(bench.room.db, row.verdict_id ?? '')).passed, true, 'the row is that of after')
  await withdraw(bench.room, ann, of)
  assert.equal(await passed(), false)
  const rows = await bench.room.db.all<{ actor: string; verb: string; detail: string }>(
    "SELECT actor, verb, detail FROM audit WHERE resource_id = 'judged/1' AND verb = 'approve' ORDER BY seq",
  )
  assert.deepEqual(
    rows.map(({ actor, detail }) => [actor, JSON.parse(detail)]),
    [
      ['ann', { approved: true, role: 'maintainer', comment: 'looks right' }],
      ['ann', { approved: false }],
    ],
  )
})

test('who made a version does not approve it, under any token; what was not approved is not taken back', async () => {
  const of = await make('own', 1)
  await assert.rejects(approve(bench.room, { ...root, id: 'another token' }, of, ''), {
    code: 'conflict',
    message: 'admin made own/1: somebody else must approve it',
  })
  await assert.rejects(withdraw(bench.room, token('ann', 'a1'), of), {
    code: 'not_found',
    message: 'approval by ann of "own/1" does not exist',
  })
  const other = await make('other', 1)
  await approve(bench.room, token('ann', 'a1'), other, '')
  await assert.rejects(withdraw(bench.room, token('ann', 'a1'), of), { code: 'not_found' })
  await assert.rejects(withdraw(bench.room, token('ann', 'a2'), other), { code: 'not_found' })
  await assert.rejects(approve(bench.room, token('ann', 'a1'), { ...of, version: '9' }, ''), { code: 'not_found' })
})

test('a version that holds again is lowered, one that does not any more waits', async () => {
  const of = await make('lowered', 1)
  const reason = async () => (await requireVersion(bench.room.db, of.model, of.version)).lowering_reason
  assert.match((await reason()) ?? '', /its gates do not hold/)
  assert.equal(await rejudge(bench.room, { model: 'lowered', version: 1 }), false)
  await approve(bench.room, token('ann', 'a1'), of, '')
  assert.equal(await reason(), null)
  assert.equal(await rejudge(bench.room, { model: 'lowered', version: 1 }), true)
  await withdraw(bench.room, token('ann', 'a1'), of)
  assert.match((await reason()) ?? '', /its gates do not hold/)
})
