/** Plans of features that are named one by one are kept as long as their views mean the same, whoever changes them. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { migratedSqlite } from '../../../test/databases.ts'
import { FeaturesSection } from '../../contract/features/section.ts'
import type { Db } from '../../store/db.ts'
import { openSqlite } from '../../store/sqlite/sqlite.ts'
import { planApply, writePlan } from '../definitions/apply.ts'
import { Plans } from './plans.ts'

const sectionOf = (trips: 'int' | 'float', fee = 'km') => ({
  entities: { driver: { keys: { id: 'int' } }, car: { keys: { car: 'text' } } },
  views: {
    stats: { entities: ['driver'], push: true, event_time: 'at', features: { trips, km: 'float' } },
    cars: { entities: ['car'], push: true, event_time: 'at', features: { age: 'int' } },
  },
  on_demand: { fee: { inputs: { km: 'stats:km' }, sql: `${fee} * 2`, type: 'float' } },
})

async function apply(db: Db, project: string, section: object): Promise<void> {
  await db.tx(async (t) => {
    const planned = await planApply(t, project, { section: FeaturesSection.parse(section), sources: {} })
    assert.deepEqual(planned.faults, [])
    await writePlan(t, project, { planned, at: 1, by: 'ana' })
  })
}

async function open(t: TestContext): Promise<{ plans: Plans; other: Db }> {
  const database = await migratedSqlite()
  const { db } = database
  const other = openSqlite(database.where)
  t.after(async () => {
    await other.close()
    await database.close()
  })
  await apply(db, 'p', sectionOf('int'))
  return { plans: new Plans(db), other }
}

test('a plan is kept until another server gives its view a new version', async (t) => {
  const { plans, other } = await open(t)
  const wanted = ['stats:trips', 'cars']
  const first = await plans.features('p', wanted, false)
  assert.equal(await plans.features('p', wanted, false), first)
  await apply(other, 'p', sectionOf('float'))
  const second = await plans.features('p', wanted, false)
  assert.deepEqual(
    [first, second].map(({ columns, views }) => [
      columns.map(({ name, type }) => `${name} ${type}`),
      views.map(({ of }) => of.version),
    ]),
    [
      [
        ['trips int', 'age int'],
        [1, 1],
      ],
      [
        ['trips float', 'age int'],
        [2, 1],
      ],
    ],
  )
  // a version that is named stays what it is
  const pinned = await plans.features('p', ['stats@1:trips'], false)
  assert.equal(pinned.columns[0]?.type, 'int')
  assert.equal(await plans.features('p', ['stats@1:trips'], false), pinned)
})

test('another order, other names and another project have plans of their own', async (t) => {
  const { plans, other } = await open(t)
  await apply(other, 'q', sectionOf('float'))
  const names = async (project: string, given: string[], full: boolean) =>
    (await plans.features(project, given, full)).columns.map(({ name, type }) => `${name} ${type}`)
  for (const _ of [1, 2]) {
    assert.deepEqual(await names('p', ['stats:trips', 'stats:km'], false), ['trips int', 'km float'])
    assert.deepEqual(await names('p', ['stats:km', 'stats:trips'], false), ['km float', 'trips int'])
    assert.deepEqual(await names('p', ['stats:trips'], true), ['stats__trips int'])
    assert.deepEqual(await names('q', ['stats:trips'], false), ['trips float'])
  }
})

test('a project that came again under its name has plans of its own', async (t) => {
  const { plans, other } = await open(t)
  await plans.features('p', ['stats'], false)
  await other.tx(async (tx) => {
    await tx.run('DELETE FROM feature_names')
    await tx.run('DELETE FROM feature_versions')
  })
  const gone = await plans.features('p', ['stats'], false).catch((error: unknown) => error)
  assert.match(String(gone), /stats/)
  assert.ok(gone instanceof Error)
  await apply(other, 'p', { ...sectionOf('float'), on_demand: {} })
  const [trips] = (await plans.features('p', ['stats'], false)).columns
  assert.equal(trips?.type, 'float')
})

test('an on-demand feature, and what there is not, are planned each time', async (t) => {
  const { plans, other } = await open(t)
  const fee = async () => {
    const { onDemand } = await plans.features('p', ['on_demand:fee'], false)
    return onDemand.compute([3])
  }
  assert.deepEqual(await fee(), [6])
  await apply(other, 'p', sectionOf('int', '(km + 1)'))
  assert.deepEqual(await fee(), [8])
  await assert.rejects(plans.features('p', ['nobody:knows', 'stats:trips'], false), /features\[0\]/)
})
