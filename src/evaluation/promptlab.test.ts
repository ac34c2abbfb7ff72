/** Runs of the prompt form: what a run of one call holds, in its record and in the table that MLflow's page reads. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { assertRefused, INVALID, MISSING, mlflowCalls, partOf } from '../../test/mlflow-calls.ts'
import { serveRoutes } from '../../test/routes.ts'
import type { ServedRoutes } from '../../test/routes.ts'
import { trackingRoutes } from '../tracking/routes.ts'
import { evaluationRoutes } from './routes.ts'

const CREATE = '2.0/mlflow/runs/create-promptlab-run'

/** A call of a model with everything that may be said of it. */
const WHOLE = {
  experiment_id: '0',
  run_name: 'tried',
  tags: [{ key: 'team', value: 'a' }, { key: 'bare' }],
  prompt_template: 'Say {{ word }} in {{ language }}',
  prompt_parameters: [
    { key: 'word', value: 'cat' },
    { key: 'language', value: 'Latin' },
  ],
  model_route: 'chat',
  model_parameters: [{ key: 'temperature', value: '0.1' }],
  model_input: 'Say cat in Latin',
  model_output: 'feles',
  model_output_parameters: [{ key: 'tokens', value: '7' }],
  mlflow_version: '3.0.0',
  user_id: 'ann',
  start_time: 1_700_000_000_000,
}

interface Pair {
  readonly key: string
  readonly value: string
}

const byKey = (pairs: unknown) => Object.fromEntries((pairs as Pair[]).map(({ key, value }) => [key, value]))

describe('runs of the prompt form', () => {
  let served: ServedRoutes
  const call = mlflowCalls(() => served)
  before(async () => {
    served = await serveRoutes(['admin'], (room) => [...trackingRoutes(room), ...evaluationRoutes(room)])
  })
  after(() => served.stop())

  const tableOf = async (run: unknown): Promise<unknown> => {
    const file = `run_id=${String(run)}&path=eval_results_table.json`
    const reply = await fetch(`${served.server.url}/get-artifact?${file}`, {
      headers: { authorization: `Bearer ${served.tokenOf('admin')}` },
    })
    assert.equal(reply.status, 200)
    return reply.json()
  }
  const runsOf = async (experiment: string) =>
    partOf(await call('POST', '2.0/mlflow/runs/search', { experiment_ids: [experiment] }), 'runs') as
      | object[]
      | undefined

  it('are finished, with settings as params, the form named in the tags, and the call as a table of one row', async () => {
    const made = await call('POST', CREATE, WHOLE)
    const info = partOf(made, 'run', 'info') as Record<string, unknown>
    assert.deepEqual(
      [info['status'], info['run_name'], info['user_id'], info['start_time'], info['experiment_id']],
      ['FINISHED', 'tried', 'ann', 1_700_000_000_000, '0'],
    )
    assert.ok(Math.abs(Number(info['end_time']) - Date.now()) < 60_000, 'it ends when it is told')
    assert.deepEqual(byKey(partOf(made, 'run', 'data', 'params')), {
      temperature: '0.1',
      model_route: 'chat',
      prompt_template: 'Say {{ word }} in {{ language }}',
    })
    const tags = byKey(partOf(made, 'run', 'data', 'tags'))
    assert.equal(tags['mlflow.runSourceType'], 'PROMPT_ENGINEERING')
    assert.equal(tags['mlflow.loggedArtifacts'], '[{"path": "eval_results_table.json", "type": "table"}]')
    assert.deepEqual([tags['team'], tags['bare'], tags['mlflow.runName']], ['a', '', 'tried'])
    assert.deepEqual(await tableOf(info['run_id']), {
      columns: ['word', 'language', 'prompt', 'output', 'tokens'],
      data: [['cat', 'Latin', 'Say cat in Latin', 'feles', '7']],
    })
  })

  it('need no more than the call itself: no answer is an empty one', async () => {
    const { experiment_id, prompt_template, prompt_parameters, model_route, model_input, mlflow_version } = WHOLE
    const least = { experiment_id, prompt_template, prompt_parameters, model_route, model_input, mlflow_version }
    const made = await call('POST', CREATE, least)
    assert.deepEqual(await tableOf(partOf(made, 'run', 'info', 'run_id')), {
      columns: ['word', 'language', 'prompt', 'output'],
      data: [['cat', 'Latin', 'Say cat in Latin', '']],
    })
    assert.deepEqual(Object.keys(byKey(partOf(made, 'run', 'data', 'params'))).sort(), [
      'model_route',
      'prompt_template',
    ])
  })

  for (const name of [
    'experiment_id',
    'prompt_template',
    'prompt_parameters',
    'model_route',
    'model_input',
    'mlflow_version',
  ]) {
    for (const nothing of [undefined, '', []]) {
      // a list is no text, and text no list: those are refused for their type
      if (Array.isArray(nothing) !== (name === 'prompt_parameters') && nothing !== undefined) continue
      it(`are refused with ${JSON.stringify(nothing)} for ${name}, and none is left behind`, async () => {
        const runs = (await runsOf('0'))?.length
        const refused = call('POST', CREATE, { ...WHOLE, [name]: nothing })
        await assertRefused(refused, INVALID, new RegExp(`request must specify ${name}\\.`))
        assert.equal((await runsOf('0'))?.length, runs)
      })
    }
  }

  it('are refused in an experiment that is not there', () =>
    assertRefused(call('POST', CREATE, { ...WHOLE, experiment_id: '999999' }), MISSING, /999999/))
})
