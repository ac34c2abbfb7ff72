/** What changes on a running MLflow server after an import: the next one catches up, killed in the middle or not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openedOnce } from '../opened.ts'
import { openMovingServer } from './moving-server.ts'
import type { MovingServer } from './moving-server.ts'
import { sum } from './moving.ts'

type Things = Readonly<Record<string, unknown>>

interface Dump extends Readonly<Record<'experiments' | 'runs' | 'models' | 'traces' | 'sets', Things>> {
  readonly registry: Readonly<Record<string, { readonly versions: readonly unknown[] }>>
}

let world: MovingServer
// as few runs as have three versions of a model
openedOnce(
  () => openMovingServer(22, 100),
  (opened) => void (world = opened),
)

test('what has changed since is caught up by the next import, and nothing comes twice', async () => {
  await world.bringIn()
  const plan = JSON.parse(await world.script('mlflow_change.py', world.mlflow.url)) as Record<string, string>
  const check = await world.bringIn(true)
  assert.ok((check.tables['runs']?.changed ?? 0) >= 3, JSON.stringify(check.tables['runs']))

  await world.killedAfter(60)
  const report = await world.bringIn()
  assert.deepEqual(report.notes, [
    'not changed here: model_aliases ranker/champion: version is 3 here and 1 in the import',
  ])
  const [there, here] = (await Promise.all([world.dump(world.mlflow.url), world.dump(world.server.url)])) as [
    Dump,
    Dump,
  ]
  for (const id of Object.values(plan)) assert.ok(id in here.runs, id)
  for (const what of ['experiments', 'runs', 'models', 'traces', 'sets'] as const)
    assert.deepEqual(here[what], there[what])
  assert.equal(here.registry['ranker']?.versions.length, there.registry['ranker']?.versions.length)
  const again = await world.bringIn()
  const changed = Object.values(again.tables).reduce((total, count) => total + count.changed, 0)
  assert.deepEqual([sum(again, 'added'), changed], [0, 0])
})
