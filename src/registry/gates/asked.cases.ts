/** Cases: who may loosen what a model is held to, at every door by which its gates come. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Gate } from '../../contract/registry.ts'
import { moveAlias } from '../aliases/aliases.ts'
import { person, root, wanted } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { createModel, deleteModel, renameModel } from '../versions/models.ts'
import { registerVersion } from '../versions/register.ts'
import type { Registration } from '../versions/register.ts'
import { readPolicy, writePolicy } from './policy.ts'
import { setGates } from './asked.ts'

const least = (at_least: number): Gate => ({ metric: 'auc', at_least })
const CLEAN: Gate = { scan: 'clean' }
const contributor = { ...person('contributor', null), name: 'cora' }
const maintainer = { ...person('maintainer', null), name: 'mara' }

export function askedGatesCases(bench: Bench): void {
  let runs = 0
  const register = async (model: string, gates: readonly Gate[], auc = 0.8, who = contributor): Promise<Registration> =>
    registerVersion(bench.room, who, await wanted(bench, { model, gates, auc, pipeline: `run_asked_${runs++}` }))
  const held = async (model: string): Promise<Gate[]> => (await readPolicy(bench.room.db, model)).project_gates
  const trail = async (id: string): Promise<Record<string, unknown>[]> => {
    const rows = await bench.room.db.all<{ verb: string; actor: string; detail: string }>(
      'SELECT verb, actor, detail FROM audit WHERE resource_id = ? ORDER BY seq',
      [id],
    )
    return rows.map(({ verb, actor, detail }) => ({ verb, actor, ...(JSON.parse(detail) as object) }))
  }

  it('weaker gates of a registration, by whomever, wait: the stricter judge until an admin accepts them with a reason', async () => {
    await register('waits', [least(0.7), CLEAN], 0.8, root)
    for (const who of [contributor, maintainer, root]) {
      const made = await register('waits', [least(0.5)], 0.6, who)
      assert.deepEqual([made.passed, made.weaker.length], [false, 2], who.name)
      assert.match(made.results.find((one) => one.outcome === 'failed')?.reason ?? '', /auc is 0\.6, below 0\.7/)
      assert.deepEqual(await held('waits'), [least(0.7), CLEAN])
      const alias = { model: 'waits', alias: 'production', version: made.version }
      await assert.rejects(moveAlias(bench.room, root, alias), { code: 'gate_refused' })
      const { asked } = await readPolicy(bench.room.db, 'waits')
      assert.deepEqual([asked?.version, asked?.by, asked?.gates], [made.version, who.name, [least(0.5)]])
      assert.deepEqual(asked?.weaker, [
        '{metric: auc, at_least: 0.7} becomes {metric: auc, at_least: 0.5}',
        '{scan: clean} is gone',
      ])
      const last = (await trail('waits')).at(-1)
      assert.deepEqual(
        [last?.['actor'], last?.['not_taken_over'], last?.['gates']],
        [who.name, asked.weaker, undefined],
      )
    }
  })

  it('an admin with a reason accepts weaker gates, and nobody else', async () => {
    await register('accepts', [least(0.7), CLEAN], 0.8, root)
    await register('accepts', [least(0.5)], 0.6)
    const accepted = { gates: [least(0.5)], reason: 'the data got harder' }
    for (const who of [contributor, maintainer])
      await assert.rejects(setGates(bench.room, who, 'accepts', accepted), { code: 'forbidden' })
    for (const reason of ['', '  '])
      await assert.rejects(setGates(bench.room, root, 'accepts', { ...accepted, reason }), { code: 'invalid_field' })
    assert.deepEqual(await held('accepts'), [least(0.7), CLEAN], 'what is refused changes nothing')
    await setGates(bench.room, root, 'accepts', accepted)
    assert.deepEqual(await held('accepts'), [least(0.5)])
    assert.equal((await readPolicy(bench.room.db, 'accepts')).asked, null)
    const last = (await trail('accepts')).at(-1)
    assert.deepEqual(
      [last?.['verb'], last?.['reason'], last?.['role'], last?.['gates']],
      ['promote', accepted.reason, 'admin', { from: [least(0.7), CLEAN], to: [least(0.5)] }],
    )
    assert.equal((await register('accepts', [least(0.5)], 0.6)).passed, true)
  })

  it('whoever registers tightens, also in the same breath in which something else is weaker', async () => {
    await register('tighter', [least(0.5), CLEAN])
    assert.deepEqual((await register('tighter', [least(0.6), CLEAN])).weaker, [])
    assert.deepEqual(await held('tighter'), [least(0.6), CLEAN])
    const both = await register('tighter', [least(0.7)])
    assert.deepEqual(both.weaker, ['{scan: clean} is gone'])
    assert.deepEqual(await held('tighter'), [CLEAN, least(0.7)])
  })

  it('the newest registration is the one that asks: with all gates again nothing waits any more', async () => {
    await register('newest', [least(0.7)])
    await register('newest', [])
    assert.equal((await readPolicy(bench.room.db, 'newest')).asked?.version, '2')
    await register('newest', [least(0.7)])
    assert.equal((await readPolicy(bench.room.db, 'newest')).asked, null)
  })

  it('a registration that is repeated after a crash says the same again and asks nothing anew', async () => {
    await register('again', [least(0.7)])
    const twice = await wanted(bench, { model: 'again', gates: [], auc: 0.9, pipeline: 'run_twice' })
    const [first, second] = [
      await registerVersion(bench.room, contributor, twice),
      await registerVersion(bench.room, contributor, twice),
    ]
    assert.deepEqual(second, first)
    assert.equal(first.weaker.length, 1)
    assert.equal((await trail('again')).filter((row) => row['not_taken_over'] !== undefined).length, 1)
  })

  it('registrations at the same time loosen nothing, in whatever order they come', async () => {
    const all = [[least(0.6)], [CLEAN], [least(0.9)], [], [least(0.7), CLEAN]]
    await Promise.all(all.map((gates) => register('at-once', gates)))
    const now = await held('at-once')
    assert.deepEqual(
      new Set(now.map((gate) => JSON.stringify(gate))),
      new Set([CLEAN, least(0.9)].map((gate) => JSON.stringify(gate))),
    )
  })

  it('a model that is deleted, renamed away or made by a client of MLflow is held to the gates of its name', async () => {
    const made = { description: undefined, tags: [] }
    await register('kept-gates', [least(0.7)])
    await deleteModel(bench.room, contributor, 'kept-gates')
    const again = await register('kept-gates', [], 0.6)
    assert.deepEqual([again.passed, again.weaker], [false, ['{metric: auc, at_least: 0.7} is gone']])
    await renameModel(bench.room, contributor, 'kept-gates', 'moved-gates')
    await createModel(bench.room, contributor, { ...made, name: 'kept-gates' })
    assert.deepEqual([await held('kept-gates'), await held('moved-gates')], [[least(0.7)], [least(0.7)]])
    assert.equal((await readPolicy(bench.room.db, 'moved-gates')).asked?.version, '1')
    await deleteModel(bench.room, contributor, 'kept-gates')
    await deleteModel(bench.room, contributor, 'moved-gates')
    await createModel(bench.room, contributor, { ...made, name: 'other-gates' })
    await renameModel(bench.room, contributor, 'other-gates', 'kept-gates')
    assert.deepEqual(await held('kept-gates'), [least(0.7)], 'a rename brings none out of its gates')
  })

  it('a policy becomes weaker by an admin with a reason alone, and stricter by a maintainer', async () => {
    await register('policy', [])
    const policy = { gates: [least(0.7)], require_signature: false, keys: [] }
    await writePolicy(bench.room, maintainer, 'policy', policy)
    await writePolicy(bench.room, maintainer, 'policy', { ...policy, gates: [least(0.8), CLEAN] })
    await assert.rejects(writePolicy(bench.room, maintainer, 'policy', policy), { code: 'forbidden' })
    await assert.rejects(writePolicy(bench.room, root, 'policy', policy), { code: 'invalid_field' })
    assert.deepEqual((await readPolicy(bench.room.db, 'policy')).gates, [least(0.8), CLEAN])
    await writePolicy(bench.room, root, 'policy', { ...policy, reason: 'too strict' })
    const last = (await trail('policy')).at(-1)
    assert.deepEqual(last?.['loosened'], [
      '{metric: auc, at_least: 0.8} becomes {metric: auc, at_least: 0.7}',
      '{scan: clean} is gone',
    ])
    assert.equal(last?.['reason'], 'too strict')
  })
}
