/** What a plan says of a step with items: how many would run, and of steps after it where all of them are taken. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openFanned, project, type Fanned } from '../fan/fan.fixture.ts'

const AFTER = 'all: {run: "a:all", inputs: {parts: "fit.part[*]"}}'

async function said(fan: Fanned, each: string, options = {}): Promise<string[]> {
  const steps = await fan.plan(project(each, '', AFTER), options)
  return steps.map(({ name, decision, reason }) => `${name} ${decision}: ${reason}`)
}

test('nothing has run, all would be taken, some would run, all are to run', async (t) => {
  const fan = await openFanned(t)
  assert.deepEqual(await said(fan, '{range: [1, 3]}'), [
    'fit run: results of 0 of 3 items are taken; the others run: the step has not run before',
    'all unknown: depends on what fit will leave',
  ])
  const { id } = await fan.end(await fan.begin(project('{range: [1, 3]}', '', AFTER)))
  assert.deepEqual(await said(fan, '{range: [1, 3]}'), [
    'fit cached: nothing changed: results of all 3 items are taken',
    `all cached: nothing changed: the result of run ${id} is taken`,
  ])
  const [fit, all] = await said(fan, '{item: [3, 4]}')
  assert.match(
    fit ?? '',
    /^fit run: results of 1 of 2 items are taken; the others run: items 3 \(\w{12}\) → 2 \(\w{12}\)$/,
  )
  assert.equal(all, 'all unknown: depends on what fit will leave')
  assert.match((await said(fan, '{range: [1, 3]}', { force: true }))[0] ?? '', /^fit run: the run was asked to take no/)
  assert.deepEqual(await said(fan, '{item: []}'), [
    'fit run: there is nothing that it runs for',
    'all unknown: depends on what fit will leave',
  ])
})
