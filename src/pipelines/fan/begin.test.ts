/** The making of items: in pieces, each of which may be repeated, and without a row too many. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stepOf } from '../context/context.ts'
import type { RunTree, StepRow } from '../context/rows.ts'
import { serve, type Server } from '../run/attempts.fixture.ts'
import { LOCK } from '../run/idle.fixture.ts'
import { beginFan, makeItems } from './begin.ts'
import { countItems } from './counts.ts'
import { project } from './fan.fixture.ts'
import { moveFan } from './move.ts'

async function begun(server: Server, each: string): Promise<{ id: string; tree: RunTree; row: StepRow }> {
  const id = await server.begin(project(each))
  await server.setRun(id, { state: 'running', environment: LOCK.digest })
  const spec = await server.context.spec((await server.read(id)).run.version_id)
  await beginFan(server.context, await server.read(id), stepOf(spec, 'fit'))
  const tree = await server.read(id)
  const [row] = tree.steps
  assert.ok(row)
  return { id, tree, row }
}

test('a piece that is made twice, as after a kill, is there once, and the next piece goes on behind it', async (t) => {
  const server = await serve(t)
  const { id, tree, row } = await begun(server, '{range: [1, 1200]}')
  assert.deepEqual(row.fan, { count: 1200, made: 0 })
  const step = stepOf(await server.context.spec(tree.run.version_id), 'fit')
  for (const made of [500, 500]) {
    await makeItems(server.context, tree, row, step)
    assert.deepEqual((await server.read(id)).steps[0]?.fan, { count: 1200, made })
  }
  for (const made of [1000, 1200]) {
    const now = await server.read(id)
    assert.ok(now.steps[0])
    await makeItems(server.context, now, now.steps[0], step)
    assert.deepEqual((await server.read(id)).steps[0]?.fan, { count: 1200, made })
  }
  assert.deepEqual(await countItems(server.store.db, { run_id: id, name: 'fit' }), { waiting: 1200 })
  const rows = await server.store.db.all<{ position: number; item: string }>(
    'SELECT position, item FROM pipeline_steps WHERE run_id = ? AND item_of IS NOT NULL ORDER BY position',
    [id],
  )
  assert.deepEqual(
    rows,
    Array.from({ length: 1200 }, (_, i) => ({ position: i, item: String(i + 1) })),
  )
})

test('a look at a run reads the items that are ready, however many wait', async (t) => {
  const server = await serve(t)
  const { id, tree } = await begun(server, '{range: [1, 700], at_once: 5}')
  const step = stepOf(await server.context.spec(tree.run.version_id), 'fit')
  for (const what of ['500 are made', '700 are made', 'five are let in']) {
    const now = await server.read(id)
    assert.ok(now.steps[0])
    assert.equal(await moveFan(server.context, now, now.steps[0], step), true, what)
  }
  const seen = await server.read(id)
  assert.deepEqual([seen.steps.length, seen.attempts.length], [1, 0])
  assert.deepEqual(
    seen.items.map(({ name, item }) => [name, item]),
    [1, 2, 3, 4, 5].map((n) => [`fit[${n - 1}]`, n]),
  )
  assert.ok(seen.steps[0])
  assert.equal(await moveFan(server.context, seen, seen.steps[0], step), false, 'no more come in while these are there')
})

test('a retry that waits for its time leaves its place to the next item', async (t) => {
  const server = await serve(t)
  const { id, tree } = await begun(server, '{range: [1, 9], at_once: 2}')
  const step = stepOf(await server.context.spec(tree.run.version_id), 'fit')
  const move = async (): Promise<boolean> => {
    const now = await server.read(id)
    assert.ok(now.steps[0])
    return moveFan(server.context, now, now.steps[0], step)
  }
  await move()
  await move()
  assert.equal(await move(), false)
  await server.setStep(id, 'fit[0]', { retry_at: server.clock.now + 60_000 })
  assert.equal(await move(), true)
  assert.deepEqual(
    (await server.read(id)).items.map(({ name }) => name),
    ['fit[0]', 'fit[1]', 'fit[2]'],
  )
})

test('a list that a run sets and that cannot be run for ends the step before anything runs, and says why', async (t) => {
  const server = await serve(t)
  const { id } = await begun(server, '{item: [1, 2], failures: {at_least: 2}}')
  assert.equal((await server.read(id)).steps[0]?.state, 'running')
  const few = await server.begin(
    {
      ...project(''),
      'slipway.yaml': `project: fan
pipeline:
  params: {list: {type: list, of: int, default: [1, 2, 3]}}
  steps: {fit: {run: "a:fit", params: {x: "{item}"}, for_each: {item: "{params.list}", failures: {at_least: 3}}}}
`,
    },
    { options: { set: { list: [1, 2] } } },
  )
  await server.setRun(few, { state: 'running', environment: LOCK.digest })
  const tree = await server.read(few)
  await beginFan(server.context, tree, stepOf(await server.context.spec(tree.run.version_id), 'fit'))
  const [row] = (await server.read(few)).steps
  assert.deepEqual([row?.state, row?.failure?.message], ['failed', '3 items have to succeed, and there are 2'])
})
