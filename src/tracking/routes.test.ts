/** The tracking room over HTTP: MLflow's protocol byte for byte where its clients look, and the native API. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { serveRoutes } from '../../test/routes.ts'
import type { ServedRoutes } from '../../test/routes.ts'
import type { RunningServer } from '../http/server.ts'
import { byteRange } from './artifacts/artifact-routes.ts'
import { trackingRoutes } from './routes.ts'
import { evaluationRoutes } from '../evaluation/routes.ts'
import { llmRoutes } from '../llm/routes.ts'
import { traceRoutes } from '../traces/routes.ts'

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- each test says which shape its reply has
  readonly json: <T = Record<string, string>>() => T
}

describe('tracking over HTTP', () => {
  let served: ServedRoutes
  let server: RunningServer

  before(async () => {
    served = await serveRoutes(['admin', 'viewer', 'service'], (room) =>
      [trackingRoutes, traceRoutes, evaluationRoutes, llmRoutes].flatMap((routesOf) => routesOf(room)),
    )
    server = served.server
  })
  after(() => served.stop())

  async function send(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const streamed = typeof body === 'string' || body instanceof Uint8Array
    const reply = await fetch(server.url + path, {
      method,
      headers: {
        authorization: `Bearer ${served.tokenOf('admin')}`,
        ...(body !== undefined && !streamed && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: streamed ? body : JSON.stringify(body) }),
    })
    const text = await reply.text()
    // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- each test says which shape its reply has
    return { status: reply.status, headers: reply.headers, text, json: <T>() => JSON.parse(text) as T }
  }
  const rpc = (path: string, body: unknown) => send('POST', `/api/2.0/mlflow/${path}`, body)
  const read = (path: string) => send('GET', `/api/2.0/mlflow/${path}`)
  const newRun = async (): Promise<string> =>
    (await rpc('runs/create', { experiment_id: '0' })).json<{ run: { info: { run_id: string } } }>().run.info.run_id

  it('shakes hands', async () => {
    assert.match((await send('GET', '/version')).text, /^3\.\d+\.\d+$/)
    assert.equal((await send('GET', '/health')).text, 'OK')
    const info = (await send('GET', '/api/3.0/mlflow/server-info')).json()
    assert.equal(info['workspaces_enabled'], true)
  })

  it('says who is missing and who may not, in MLflow’s words', async () => {
    const nobody = await send('POST', '/api/2.0/mlflow/runs/create', {}, { authorization: '' })
    assert.equal(nobody.status, 401)
    assert.equal(nobody.json()['error_code'], 'UNAUTHENTICATED')
    for (const role of ['viewer', 'service'] as const) {
      const refused = await send(
        'POST',
        '/api/2.0/mlflow/runs/create',
        {},
        { authorization: `Bearer ${served.tokenOf(role)}` },
      )
      assert.equal(refused.status, 403)
      assert.equal(refused.json()['error_code'], 'PERMISSION_DENIED')
    }
    const basic = Buffer.from(`anyone:${served.tokenOf('viewer')}`).toString('base64')
    assert.equal(
      (
        await send('GET', '/api/2.0/mlflow/experiments/get?experiment_id=0', undefined, {
          authorization: `Basic ${basic}`,
        })
      ).status,
      200,
    )
  })

  const BAD: [string, unknown, number, string, RegExp][] = [
    [
      'experiments/create',
      {},
      400,
      'INVALID_PARAMETER_VALUE',
      /^Missing value for required parameter 'name'\. See the API docs/,
    ],
    ['experiments/create', { name: 123 }, 400, 'INVALID_PARAMETER_VALUE', /^Invalid value 123 for parameter 'name'/],
    [
      'experiments/create',
      { name: 'e', tags: '5' },
      400,
      'INVALID_PARAMETER_VALUE',
      /^Invalid value "5" for parameter 'tags'/,
    ],
    [
      'experiments/create',
      { name: 'Default' },
      400,
      'RESOURCE_ALREADY_EXISTS',
      /^Experiment\(name=Default\) already exists\./,
    ],
    [
      'runs/log-metric',
      { run_id: 31, key: 'm', value: 41, timestamp: 59 },
      400,
      'INVALID_PARAMETER_VALUE',
      /^Invalid value 31 for parameter 'run_id' supplied/,
    ],
    [
      'runs/log-metric',
      { run_id: 'nope', key: 'm', value: 1, timestamp: 1 },
      404,
      'RESOURCE_DOES_NOT_EXIST',
      /^Run with id=nope not found$/,
    ],
    [
      'runs/search',
      { experiment_ids: ['0'], max_results: 50_001 },
      400,
      'INVALID_PARAMETER_VALUE',
      /^Invalid value 50001 for parameter 'max_results'/,
    ],
    [
      'runs/search',
      { experiment_ids: ['0'], filter: 'x y' },
      400,
      'INVALID_PARAMETER_VALUE',
      /Invalid attribute key 'x'/,
    ],
    [
      'runs/search',
      { experiment_ids: ['0'], page_token: '###' },
      400,
      'INVALID_PARAMETER_VALUE',
      /^Invalid page token, could not base64-decode$/,
    ],
    [
      'experiments/delete',
      { experiment_id: '777' },
      404,
      'RESOURCE_DOES_NOT_EXIST',
      /^No Experiment with id=777 exists$/,
    ],
    ['runs/create', '{"not json', 400, 'INVALID_PARAMETER_VALUE', /application\/json/],
    ['runs/create', [1], 400, 'INVALID_PARAMETER_VALUE', /must be a JSON object/],
  ]
  for (const [path, body, status, code, message] of BAD) {
    it(`${path} with ${JSON.stringify(body).slice(0, 60)} is ${status} ${code}`, async () => {
      const answer = await rpc(path, body)
      assert.equal(answer.status, status, answer.text)
      assert.equal(answer.json()['error_code'], code)
      assert.match(answer.json()['message'] ?? '', message)
    })
  }

  it('takes the body that old clients send: JSON in a JSON string, ids as numbers, run_uuid', async () => {
    const made = await rpc('runs/create', '{}').catch(() => undefined)
    assert.equal(made?.status, 400)
    const twice = await send('POST', '/ajax-api/2.0/mlflow/runs/create', undefined, {
      'content-type': 'application/json',
    })
    assert.equal(twice.status, 200)
    const reply = await fetch(`${server.url}/api/2.0/mlflow/runs/create`, {
      method: 'POST',
      headers: { authorization: `Bearer ${served.tokenOf('admin')}`, 'content-type': 'application/json' },
      body: JSON.stringify(JSON.stringify({ experiment_id: 0 })),
    })
    const { run } = (await reply.json()) as { run: { info: { run_id: string } } }
    assert.equal((await rpc('runs/set-tag', { run_uuid: run.info.run_id, key: 'a' })).text, '{}')
    assert.equal((await read(`runs/get?run_uuid=${run.info.run_id}`)).status, 200)
  })

  it('numbers, NaN and absent fields travel as MLflow’s clients expect', async () => {
    const run_id = await newRun()
    await rpc('runs/log-batch', {
      run_id,
      metrics: [
        { key: 'nan', value: 'NaN', timestamp: '5', step: '3' },
        { key: 'inf', value: 'Infinity', timestamp: 5 },
      ],
    })
    const { run } = (await read(`runs/get?run_id=${run_id}`)).json<{
      run: { info: object; data: { metrics: unknown[] }; inputs: object }
    }>()
    assert.deepEqual(run.data.metrics, [
      { key: 'inf', value: Number.MAX_VALUE, timestamp: 5, step: 0 },
      { key: 'nan', value: 'NaN', timestamp: 5, step: 3 },
    ])
    assert.equal('end_time' in run.info, false)
    assert.deepEqual(run.inputs, {})
    const history = (await read(`metrics/get-history?run_id=${run_id}&metric_key=nan`)).json()
    assert.deepEqual(history, { metrics: [{ key: 'nan', value: 'NaN', timestamp: 5, step: 3 }] })
    const bulk = await send(
      'GET',
      `/ajax-api/2.0/mlflow/metrics/get-history-bulk?run_id=${run_id}&run_id=x&metric_key=nan`,
    )
    assert.equal(bulk.json<{ metrics: unknown[] }>().metrics.length, 1)
    assert.match(
      (await send('GET', '/ajax-api/2.0/mlflow/metrics/get-history-bulk')).text,
      /must specify at least one run_id/,
    )
  })

  it('old clients may log a model into a tag', async () => {
    const run_id = await newRun()
    const model = { artifact_path: 'm', flavors: {}, run_id, utc_time_created: 'x' }
    await rpc('runs/log-model', { run_id, model_json: JSON.stringify(model) })
    await rpc('runs/log-model', { run_id, model_json: JSON.stringify(model) })
    const { run } = (await read(`runs/get?run_id=${run_id}`)).json<{
      run: { data: { tags: { key: string; value: string }[] } }
    }>()
    const tag = run.data.tags.find(({ key }) => key === 'mlflow.log-model.history')
    assert.deepEqual(JSON.parse(tag?.value ?? ''), [model, model])
    assert.match(
      (await rpc('runs/log-model', { run_id, model_json: '{}' })).text,
      /missing mandatory fields: artifact_path, flavors/,
    )
    assert.match((await rpc('runs/log-model', { run_id, model_json: '{' })).text, /not valid JSON/)
  })

  describe('artifacts', () => {
    const proxy = '/api/2.0/mlflow-artifacts'
    const file = async (name: string, content: string) => {
      const run_id = await newRun()
      const path = `0/${run_id}/artifacts/${name}`
      assert.equal((await send('PUT', `${proxy}/artifacts/${path}`, content)).text, '{}')
      return { run_id, path }
    }

    it('come back as attachments in a sandbox, never sniffed', async () => {
      const { run_id, path } = await file("x'ü.html", '<script>alert(1)</script>')
      for (const address of [
        `${proxy}/artifacts/${encodeURI(path)}`,
        `/get-artifact?run_id=${run_id}&path=${encodeURIComponent("x'ü.html")}`,
      ]) {
        const answer = await send('GET', address)
        assert.equal(answer.status, 200, answer.text)
        assert.equal(answer.text, '<script>alert(1)</script>')
        assert.equal(
          answer.headers.get('content-disposition'),
          `attachment; filename="x__.html"; filename*=UTF-8''x%27%C3%BC.html`,
        )
        assert.equal(answer.headers.get('content-security-policy'), "sandbox; default-src 'none'")
        assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
      }
    })

    it('answer one byte range', async () => {
      const { path } = await file('digits.txt', '0123456789')
      const part = async (range: string) => {
        const answer = await send('GET', `${proxy}/artifacts/${path}`, undefined, { range })
        return [answer.status, answer.text, answer.headers.get('content-range')]
      }
      assert.deepEqual(await part('bytes=2-4'), [206, '234', 'bytes 2-4/10'])
      assert.deepEqual(await part('bytes=7-'), [206, '789', 'bytes 7-9/10'])
      assert.deepEqual(await part('bytes=-3'), [206, '789', 'bytes 7-9/10'])
      assert.deepEqual(await part('bytes=5-999'), [206, '56789', 'bytes 5-9/10'])
      assert.deepEqual(await part('bytes=1-2,4-5'), [200, '0123456789', null])
      assert.deepEqual(
        [(await part('bytes=10-12'))[0], (await part('bytes=10-12'))[2], (await part('bytes=-0'))[0]],
        [416, 'bytes */10', 416],
      )
      assert.equal(byteRange('rows=1-2', 10), undefined)
    })

    it('a large file is streamed and comes back whole', async () => {
      const content = randomBytes(3 * 1024 * 1024)
      const run_id = await newRun()
      const address = `${proxy}/artifacts/0/${run_id}/artifacts/big.bin`
      await send('PUT', address, content)
      const reply = await fetch(server.url + address, {
        headers: { authorization: `Bearer ${served.tokenOf('admin')}` },
      })
      assert.ok(Buffer.from(await reply.arrayBuffer()).equals(content))
      const empty = await file('empty', '')
      assert.equal((await send('GET', `${proxy}/artifacts/${empty.path}`)).headers.get('content-length'), '0')
    })

    it('are listed by base name in the proxy and by path for the run, and deleted', async () => {
      const { run_id, path } = await file('dir/a.txt', 'a')
      const files = async (address: string) => (await send('GET', address)).json<{ files: unknown }>().files
      const folder = path.replace(/\/a\.txt$/, '')
      assert.deepEqual(await files(`${proxy}/artifacts?path=${folder}`), [
        { path: 'a.txt', is_dir: false, file_size: 1 },
      ])
      const listed = await read(`artifacts/list?run_id=${run_id}&path=dir`)
      assert.deepEqual(listed.json(), {
        root_uri: `mlflow-artifacts:/0/${run_id}/artifacts`,
        files: [{ path: 'dir/a.txt', is_dir: false, file_size: 1 }],
      })
      assert.equal((await send('DELETE', `${proxy}/artifacts/${folder}`, {})).status, 200)
      const gone = await send('GET', `${proxy}/artifacts/${path}`)
      assert.deepEqual([gone.status, gone.json()['error_code']], [404, 'RESOURCE_DOES_NOT_EXIST'])
    })

    for (const path of [
      '..%2fx',
      '%252e%252e%252fx',
      '%2fetc/passwd',
      'a%5cb',
      'a%23b',
      'c:%2fx',
      '0/r/artifacts/%2e%2e%2f%2e%2e%2fx',
    ]) {
      it(`refuse the path ${path} on every door`, async () => {
        for (const [method, address, body] of [
          ['GET', `${proxy}/artifacts/${path}`, undefined],
          ['PUT', `${proxy}/artifacts/${path}`, 'x'],
          ['DELETE', `${proxy}/artifacts/${path}`, {}],
          ['GET', `${proxy}/artifacts?path=${path}`, undefined],
          ['POST', `${proxy}/mpu/create/${path}`, { path: 'x' }],
        ] as const) {
          const answer = await send(method, address, body)
          assert.deepEqual([answer.status, answer.json()['message']], [400, 'Invalid path'], `${method} ${address}`)
        }
        const run_id = await newRun()
        assert.match((await read(`artifacts/list?run_id=${run_id}&path=${path}`)).text, /Invalid path/)
        assert.match((await send('GET', `/get-artifact?run_id=${run_id}&path=${path}`)).text, /Invalid path/)
      })
    }
  })

  describe('native API', () => {
    it('tables have the asked columns alone, with filters beyond MLflow’s, in pages', async () => {
      const { experiment_id } = (await rpc('experiments/create', { name: 'table' })).json<{ experiment_id: string }>()
      for (let i = 0; i < 5; i++) {
        const run_id = (await rpc('runs/create', { experiment_id, run_name: `r${i}`, start_time: 1000 + i })).json<{
          run: { info: { run_id: string } }
        }>().run.info.run_id
        await rpc('runs/log-batch', {
          run_id,
          metrics: [{ key: 'loss', value: i, timestamp: 1, step: 0 }],
          params: [
            { key: 'p', value: `${i}` },
            { key: 'other', value: 'x' },
          ],
        })
      }
      const query = new URLSearchParams({
        experiment_id,
        filter: 'metrics.loss < 1 OR metrics.loss > 2',
        metrics: 'loss',
        params: 'p',
        order_by: 'metrics.loss DESC',
        limit: '2',
      })
      const first = (await send('GET', `/v1/runs?${query.toString()}`)).json<{
        items: { name: string; metrics: object; params: object; started_at: string }[]
        next_page_token: string
      }>()
      assert.deepEqual(
        first.items.map((run) => [run.name, run.metrics, run.params]),
        [
          ['r4', { loss: 4 }, { p: '4' }],
          ['r3', { loss: 3 }, { p: '3' }],
        ],
      )
      assert.equal(first.items[0]?.started_at, '1970-01-01T00:00:01.004Z')
      query.set('page_token', first.next_page_token)
      const second = (await send('GET', `/v1/runs?${query.toString()}`)).json<{ items: { name: string }[] }>()
      assert.deepEqual(
        second.items.map((run) => run.name),
        ['r0'],
      )
      const bad = await send('GET', '/v1/runs?filter=nonsense.x%20%3D%201')
      assert.equal(bad.status, 400)
      assert.match(bad.json<{ error: { message: string } }>().error.message, /Invalid entity type 'nonsense'/)
      const none = await send('GET', '/v1/runs/nope')
      assert.equal(none.status, 404)
    })

    it('a run, its curve, and two runs side by side', async () => {
      const ids: string[] = []
      for (const lr of ['0.1', '0.2']) {
        const run_id = await newRun()
        ids.push(run_id)
        const metrics = Array.from({ length: 900 }, (_, i) => ({
          key: 'loss',
          value: i === 500 ? 99 : 1,
          timestamp: i,
          step: i,
        }))
        await rpc('runs/log-batch', {
          run_id,
          metrics,
          params: [
            { key: 'lr', value: lr },
            { key: 'same', value: '1' },
          ],
        })
        await send('PUT', `/api/2.0/mlflow-artifacts/artifacts/0/${run_id}/artifacts/m/a.txt`, 'abc')
      }
      const run = (await send('GET', `/v1/runs/${ids[0]}`)).json<{
        params: object
        artifacts: { path: string; size: number }[]
        metrics: { key: string; step: number }[]
      }>()
      assert.deepEqual(run.params, { lr: '0.1', same: '1' })
      assert.deepEqual(
        run.artifacts.map((file) => [file.path, file.size]),
        [['m/a.txt', 3]],
      )
      assert.deepEqual(
        run.metrics.map((metric) => [metric.key, metric.step]),
        [['loss', 899]],
      )
      const curve = (await send('GET', `/v1/runs/${ids[0]}/metrics?key=loss&max_points=40`)).json<{
        total: number
        points: { step: number; value: number }[]
      }>()
      assert.equal(curve.total, 900)
      assert.ok(curve.points.length <= 40 && curve.points.some((point) => point.value === 99))
      const compared = (await send('GET', `/v1/runs/compare?ids=${ids.join(',')}`)).json<{
        runs: object[]
        differing: object
      }>()
      assert.equal(compared.runs.length, 2)
      assert.deepEqual(compared.differing, { params: ['lr'], metrics: [], tags: [] })
    })

    it('experiments', async () => {
      const { items } = (await send('GET', `/v1/experiments?filter=${encodeURIComponent("name = 'Default'")}`)).json<{
        items: { id: string; project: string }[]
      }>()
      assert.deepEqual(
        items.map((one) => [one.id, one.project]),
        [['0', 'default']],
      )
    })
  })
})
