/** A step that runs for each item, on a real server and by the command line: its items, their logs, what a retry takes over, and the join. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { CallError } from '../../src/client/client.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { itemsApi } from '../../src/contract/pipelines/items.ts'
import type { RunView } from '../../src/pipelines/run/view.ts'
import { endedRun } from '../fixtures/runs-of.ts'
import { projectServer } from '../fixtures/project-server.ts'

const YAML = `project: months
python: {packages: []}
pipeline:
  params:
    months: {type: list, of: string, default: [jan, feb, mar, apr, may]}
  steps:
    fit: {run: "step:fit", params: {month: "{item}"}, outputs: [model], for_each: {item: "{params.months}", at_once: 2, failures: {at_least: 80%}}}
    best: {run: [python, best.py, "{inputs.models}"], inputs: {models: "fit.model[*]"}}
`
const CODE = `
import pathlib
def fit(month, model):
    print("fits", month)
    if (month == "feb" or month == "mar") and not pathlib.Path(GATE).exists():
        raise ValueError("no rows in " + month)
    model.mkdir()
    (model / "weights.txt").write_text(month)
    return {"auc": len(month) / 10}
`
const BEST = `
import json, pathlib, sys
models = pathlib.Path(sys.argv[1])
for one in json.loads((models / "items.json").read_text()):
    print(one["number"], one["item"], one["state"], (models / one["folder"] / "weights.txt").read_text())
`

describe('items', () => {
  const at = projectServer('items', (folder) => ({
    'slipway.yaml': YAML,
    'step.py': CODE.replace('GATE', JSON.stringify(join(folder, 'gate'))),
    'best.py': BEST,
  }))
  const { folder, project, slipway } = at
  let failed: RunView

  const fit = (run: RunView): RunView['steps'][number] => run.steps[0] ?? assert.fail('no step')

  async function refused(work: Promise<unknown>): Promise<number> {
    try {
      await work
    } catch (error) {
      if (error instanceof CallError) return error.status
      throw error
    }
    return assert.fail('it should have been refused')
  }

  test('what cannot be told in the file is refused by validate, each at its key', async () => {
    const wrong = join(folder, 'wrong')
    mkdirSync(wrong)
    writeFileSync(join(wrong, 'slipway.yaml'), YAML.replace('"{item}"', '"m{item}"').replace('model[*]', 'model'))
    const { code, out, said: more } = await slipway('validate', wrong)
    const said = out + more
    assert.equal(code, 1, said)
    assert.match(said, /fit\.params\.month: got "m\{item\}", expected "\{item\}" alone/)
    assert.match(said, /best\.inputs\.models: step "fit" makes "model" for each item; expected "fit\.model\[\*\]"/)
  })

  test('two of five that fail are too many: the run says which, and the items say how they stand', async () => {
    const { code, out, said } = await slipway('run', project, '--json')
    assert.equal(code, 1, said)
    failed = JSON.parse(out) as RunView
    assert.match(
      failed.message,
      /^step "fit" failed: item 1 \("feb"\) failed, and 1 more of 5: ValueError: no rows in feb/,
    )
    const { states = {}, count, needed } = fit(failed).items ?? {}
    assert.deepEqual([count, needed, states.failed], [5, 4, 2])
    assert.equal(failed.steps[1]?.state, 'skipped')
    const shown = await slipway('items', failed.id, 'fit', '--state', 'failed')
    assert.match(
      shown.out,
      /^fit\[1\] "feb" failed \(user: ValueError: no rows in feb\)\nfit\[2\] "mar" failed \(user: /,
    )
    assert.equal((await slipway('items', failed.id, 'fit', '--state', 'odd')).code, 2)
  })

  test('each has a log of its own', async () => {
    assert.equal((await slipway('logs', failed.id, 'fit', '--item', '0')).out, 'fits jan\n')
    assert.match((await slipway('logs', failed.id, 'fit', '--item', '1', '--follow')).out, /^fits feb\n.*ValueError/s)
    assert.equal((await slipway('logs', failed.id, 'fit', '--item', '9')).code, 2)
    assert.equal((await slipway('logs', failed.id, 'fit', '--item', 'jan')).code, 2)
  })

  test('they are read by page, and what does not exist is not found', async () => {
    const params = { id: failed.id, step: 'fit' }
    const first = await at.server.client.call(itemsApi.listStepItems, { params, query: { limit: 2 } })
    assert.deepEqual(
      first.items.map(({ number, item }) => [number, item]),
      [
        [0, 'jan'],
        [1, 'feb'],
      ],
    )
    const query = { limit: 3, page_token: first.next_page_token }
    const rest = await at.server.client.call(itemsApi.listStepItems, { params, query })
    assert.deepEqual(
      rest.items.map(({ number }) => number),
      [2, 3, 4],
    )
    assert.equal(rest.next_page_token, undefined)
    const plain = { params: { id: failed.id, step: 'best' } }
    assert.deepEqual((await at.server.client.call(itemsApi.listStepItems, plain)).items, [])
    const list = (more: object): Promise<unknown> =>
      at.server.client.call(itemsApi.listStepItems, { params: { ...params, ...more } })
    assert.equal(await refused(list({ step: 'no' })), 404)
    assert.equal(await refused(list({ id: 'pr_no' })), 404)
    const odd = { params, query: { page_token: 'x' } }
    assert.equal(await refused(at.server.client.call(itemsApi.listStepItems, odd)), 400)
    const logs = { params: { id: failed.id, step: 'best' }, query: { item: 0 } }
    assert.equal(await refused(at.server.client.open(pipelinesApi.readLogs, logs)), 404)
  })

  test('a retry runs only what is left, and the step after it gets the folder of all', async () => {
    writeFileSync(join(folder, 'gate'), '')
    const { out, said } = await slipway('retry', failed.id, '--json')
    assert.ok(out.startsWith('{'), said)
    const run = await endedRun(at.server, (JSON.parse(out) as RunView).id)
    assert.equal(run.outcome, 'succeeded', run.message)
    const { states = {} } = fit(run).items ?? {}
    assert.deepEqual(states, { cached: fit(failed).items?.states.succeeded ?? 0, succeeded: 5 - (states.cached ?? 0) })
    const log = await slipway('logs', run.id, 'best')
    const months = ['jan', 'feb', 'mar', 'apr', 'may']
    assert.equal(log.out, months.map((month, i) => `${i} ${month} succeeded ${month}\n`).join(''))
  })

  test('a list that a run sets runs what is new, and a proof of it runs all and is equal', async () => {
    const planned = await slipway('plan', project, '--set', 'months=["may","jun"]')
    assert.match(planned.out, /fit: miss.*: results of 1 of 2 items are taken; the others run: items 5 /)
    const { out, said } = await slipway('run', project, '--json', '--set', 'months=["may","jun"]')
    const run = JSON.parse(out) as RunView
    assert.equal(run.outcome, 'succeeded', said)
    assert.deepEqual(fit(run).items?.states, { cached: 1, succeeded: 1 })
    const proof = await at.server.client.call(pipelinesApi.reproducePipelineRun, { params: { id: run.id }, body: {} })
    const proved = await endedRun(at.server, proof.run?.id ?? '')
    assert.equal(proved.reproduction?.grade, 'A', proved.message)
    assert.deepEqual(fit(proved).items?.states, { succeeded: 2 })
  })
})
