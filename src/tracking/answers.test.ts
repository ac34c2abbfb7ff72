/** What MLflow's own server answers to odd requests, code and text: the tracking room answers the same. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { serveRoutes } from '../../test/routes.ts'
import type { ServedRoutes } from '../../test/routes.ts'
import { trackingRoutes } from './routes.ts'
import { evaluationRoutes } from '../evaluation/routes.ts'
import { llmRoutes } from '../llm/routes.ts'
import { traceRoutes } from '../traces/routes.ts'

/** What is shown of an answer: its status, and its message or what it holds. */
type Answer = Readonly<{ status: number; body: Record<string, unknown> }>

describe('answers to odd MLflow requests', () => {
  let served: ServedRoutes
  let experiment: string
  let run: string

  before(async () => {
    served = await serveRoutes(['admin'], (room) =>
      [trackingRoutes, traceRoutes, evaluationRoutes, llmRoutes].flatMap((routesOf) => routesOf(room)),
    )
    experiment = String((await send('experiments/create', { name: 'odd' })).body['experiment_id'])
    const made = (await send('runs/create', { experiment_id: experiment })).body['run']
    run = (made as { info: { run_id: string } }).info.run_id
  })
  after(() => served.stop())

  async function send(path: string, body?: unknown, type = 'application/json'): Promise<Answer> {
    const reply = await fetch(`${served.server.url}/api/2.0/mlflow/${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${served.tokenOf('admin')}`,
        ...(body !== undefined && { 'content-type': type }),
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    return { status: reply.status, body: (await reply.json()) as Record<string, unknown> }
  }

  const DOCS = ' See the API docs for more information about request parameters.'
  const filtered = (filter: string) => () => send('runs/search', { experiment_ids: [experiment], filter })
  const batch = (given: object) => () => send('runs/log-batch', { run_id: run, ...given })
  const REFUSED: [string, () => Promise<Answer>, number, string, string][] = [
    [
      'an experiment id that is no number',
      () => send('experiments/get?experiment_id=abc'),
      400,
      'INVALID_PARAMETER_VALUE',
      "Invalid experiment ID 'abc'. Experiment ID must be a valid integer.",
    ],
    [
      'a rename to nothing',
      () => send('experiments/update', { experiment_id: experiment }),
      400,
      'INVALID_PARAMETER_VALUE',
      `Missing value for required parameter 'new_name'.${DOCS}`,
    ],
    [
      'the restoring of what is there',
      () => send('experiments/restore', { experiment_id: '1' }),
      404,
      'RESOURCE_DOES_NOT_EXIST',
      'No Experiment with id=1 exists',
    ],
    [
      'a form',
      () => send('experiments/create', 'name=a', 'application/x-www-form-urlencoded'),
      400,
      'INVALID_PARAMETER_VALUE',
      "Bad Request. Content-Type must be one of ['application/json'].",
    ],
    [
      'a field in two spellings',
      () => send('experiments/delete', { experiment_id: '1', experimentId: '2' }),
      400,
      'INVALID_PARAMETER_VALUE',
      "Request specifies both 'experiment_id' and 'experimentId'; provide only one of them.",
    ],
    [
      'a value beyond ASCII, which is shown as Python shows it',
      () => send('runs/set-tag', { run_id: run, key: '☃', value: [1, 'é'] }),
      400,
      'INVALID_PARAMETER_VALUE',
      `Invalid value [1, "\\u00e9"] for parameter 'value' supplied:  Hint: Value was of type 'list'.${DOCS}`,
    ],
    [
      'a page of nothing',
      () => send('runs/search', { experiment_ids: [experiment], max_results: -1 }),
      400,
      'INVALID_PARAMETER_VALUE',
      "Invalid value -1 for parameter 'max_results' supplied. It must be a positive integer",
    ],
    [
      'a hexadecimal metric',
      () => send('runs/log-metric', { run_id: run, key: 'm', value: '0x10', timestamp: 1 }),
      400,
      'INVALID_PARAMETER_VALUE',
      `Invalid value "0x10" for parameter 'value' supplied:  Hint: Value was of type 'str'.${DOCS}`,
    ],
    [
      'half a dataset of a metric',
      () => send('runs/log-metric', { run_id: run, key: 'm', value: 1, timestamp: 1, dataset_name: 'd' }),
      400,
      'INVALID_PARAMETER_VALUE',
      'Both dataset_name and dataset_digest must be provided if one is provided',
    ],
    [
      'a batch before 1970',
      batch({ metrics: [{ key: 'm', value: 1, timestamp: -1 }] }),
      400,
      'INVALID_PARAMETER_VALUE',
      "Invalid value -1 for parameter 'metrics[0].timestamp' supplied: metric 'm' (value=1.0). Timestamp must be a nonnegative long (64-bit integer) ",
    ],
    [
      'a batch with a param twice, even with one value',
      batch({
        params: [
          { key: 'p', value: '1' },
          { key: 'p', value: '1' },
        ],
      }),
      400,
      'INVALID_PARAMETER_VALUE',
      "Duplicate parameter keys have been submitted: ['p']. Please ensure the request contains only one param value per param key.",
    ],
    [
      'a batch of what cannot be a run',
      () => send('runs/log-batch', { run_id: ' ' }),
      400,
      'INVALID_PARAMETER_VALUE',
      `Invalid value " " for parameter 'run_id' supplied.`,
    ],
    [
      'more samples than there may be',
      () => send(`metrics/get-history-bulk-interval?run_ids=${run}&metric_key=m&max_results=9999`),
      400,
      'INVALID_PARAMETER_VALUE',
      `max_results must be between 1 and 2500.${DOCS}`,
    ],
    [
      'an empty list in a filter',
      filtered('run_id IN ()'),
      400,
      'INVALID_PARAMETER_VALUE',
      'While parsing a list in the query, expected a non-empty list of string values, but got empty list',
    ],
    [
      'a search for what never is absent',
      filtered('status IS NULL'),
      400,
      'INVALID_PARAMETER_VALUE',
      "IS NULL / IS NOT NULL is only supported for tags and params, not for 'attribute' 'status' (at character 11)",
    ],
    [
      'a word for a filter',
      filtered('bad'),
      400,
      'INVALID_PARAMETER_VALUE',
      "Invalid clause(s) in filter string: 'bad' (at character 4: expected an operator)",
    ],
    [
      'an unknown order of logged models',
      () => send('logged-models/search', { experiment_ids: [experiment], order_by: [{ field_name: 'bad' }] }),
      400,
      'INVALID_PARAMETER_VALUE',
      'Invalid order by field name: bad',
    ],
  ]
  for (const [what, ask, status, code, message] of REFUSED) {
    it(`${what} is ${status} ${code}`, async () => {
      const answer = await ask()
      assert.deepEqual([answer.status, answer.body['error_code'], answer.body['message']], [status, code, message])
    })
  }

  it('a refusal is classed as MLflow classes it', async () => {
    const { body } = await send('runs/get?run_id=none')
    assert.deepEqual([body['sqlstate'], body['error_class']], ['KAM00', 'RESOURCE_NOT_FOUND'])
  })

  it('an experiment names its workspace, and is found by protobuf’s spelling of its id', async () => {
    const { body } = await send('experiments/get?experiment_id=0')
    assert.equal((body['experiment'] as { workspace: string }).workspace, 'default')
    assert.equal(
      (await send('experiments/set-experiment-tag', { experimentId: '0', key: 'a', value: '1' })).status,
      200,
    )
  })

  it('the history of a run that is not there is empty', async () => {
    for (const call of ['get-history?run_id=none', 'get-history-bulk-interval?run_ids=none']) {
      const { status, body } = await send(`metrics/${call}&metric_key=m`)
      assert.deepEqual([status, body['metrics'] ?? []], [200, []])
    }
  })

  it('filters take what a Python tuple of one looks like, names in double quotes, and params of models without quotes', async () => {
    const count = async (answer: Promise<Answer>, of: string) =>
      ((await answer).body[of] as unknown[] | undefined)?.length
    assert.equal(await count(filtered(`run_id IN ('${run}',)`)(), 'runs'), 1)
    await send('runs/set-tag', { run_id: run, key: 'mlflow.runName', value: 'named' })
    assert.equal(await count(filtered(`"Run Name" = 'named'`)(), 'runs'), 1)
    await send('logged-models', { experiment_id: experiment, name: 'lm', params: [{ key: 'lr', value: '0.01' }] })
    for (const filter of ['params.lr = 0.01', 'name = lm']) {
      const found = send('logged-models/search', { experiment_ids: [experiment], filter })
      assert.equal(await count(found, 'models'), 1, filter)
    }
  })
})
