/** Moving in from a running MLflow server over HTTP: a real one, a kill in the middle, and both compared through their public API. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { transferApi } from '../../src/contract/transfer.ts'
import { openedOnce } from '../opened.ts'
import { openMovingServer } from './moving-server.ts'
import type { MovingServer } from './moving-server.ts'
import { assertUntouched, sum } from './moving.ts'

const RUNS = 32
/** More than one page of a history holds. */
const POINTS = 26_000

describe('moving in from a running MLflow server', () => {
  let world: MovingServer
  openedOnce(
    () => openMovingServer(RUNS, POINTS),
    (opened) => void (world = opened),
  )

  test('a dry run counts and writes nothing', async () => {
    const report = await world.bringIn(true)
    assert.equal(report.tables['runs']?.added, RUNS + 3)
    await assertUntouched(world.server)
  })

  test('an import that is killed in the middle goes on where it was', async () => {
    await world.killedAfter(180)
    const before = (await world.server.client.call(transferApi.list)).items[0]
    assert.equal(before?.state, 'running')
    assert.ok(before.added > 0)
    const report = await world.bringIn()
    assert.ok(report.parts_before > 0 && report.parts_before < report.parts)
    assert.deepEqual(report.notes, [])
    const again = await world.bringIn()
    assert.equal(sum(again, 'added'), 0)
    assert.equal(again.tables['runs']?.same, RUNS + 3)
    assert.equal(again.tables['metric_points']?.same, RUNS * 7 + 4 + POINTS + 3)
  })

  test('both servers say the same to the mlflow client', async () => {
    const [here, there] = await Promise.all([world.dump(world.server.url), world.dump(world.mlflow.url)])
    assert.deepEqual(here, there)
  })
})
