/** Searches over HTTP and on the command line: the grammar in MLflow's own call, saved searches, pages, faults with their place. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { searchesApi } from '../../src/contract/tracking/searches.ts'
import { startTestServer } from '../server.ts'

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts')

test('a search is typed, saved, run by name and forgotten', async () => {
  const server = await startTestServer()
  try {
    const headers = { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' }
    const call = async (path: string, body: unknown) => {
      const response = await fetch(`${server.url}/api/2.0/mlflow/${path}`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      })
      return { status: response.status, body: (await response.json()) as Record<string, never> }
    }
    for (const [i, losses] of [
      [5, 1, 3],
      [4, 2],
      [9, 8],
    ].entries()) {
      const made = await call('runs/create', { experiment_id: '0', run_name: `r${i}`, start_time: 1000 + i })
      const { run_id } = (made.body as unknown as { run: { info: { run_id: string } } }).run.info
      const logs = losses.map((value, step) =>
        call('runs/log-metric', { run_id, key: 'loss', value, timestamp: 1, step }),
      )
      for (const { status } of await Promise.all(logs)) assert.equal(status, 200)
    }
    const wide = 'min(metrics.loss) < 2 OR NOT metrics.loss < 5'
    const search = new URLSearchParams({ experiment_id: '0', filter: wide, order_by: 'max(metrics.loss) DESC' })
    const found = await fetch(`${server.url}/v1/runs?${search.toString()}`, {
      headers: { authorization: `Bearer ${server.token}` },
    })
    const names = ((await found.json()) as { items: { name: string }[] }).items.map((run) => run.name)
    // MLflow's own clients get MLflow's grammar: they rely on the refusal of the rest
    assert.equal((await call('runs/search', { experiment_ids: ['0'], filter: wide })).status, 400)
    assert.deepEqual(names, ['r2', 'r0'])
    const fault = await call('runs/search', { experiment_ids: ['0'], filter: 'metrics.loss < 1 AND oops' })
    assert.equal(fault.status, 400)
    assert.match(JSON.stringify(fault.body), /at character/)

    const slipway = async (...args: string[]) => {
      const all = [MAIN, ...args, '--data', server.data, '--json']
      return JSON.parse((await promisify(execFile)(process.execPath, all)).stdout) as Record<string, never>[]
    }
    const filter = 'metrics.loss WITHIN 100% OF BEST'
    await slipway(
      'runs',
      '--save',
      'good',
      '--filter',
      filter,
      '--order-by',
      'metrics.loss',
      '--column',
      'metrics.loss',
    )
    const good = await slipway('runs', '--search', 'good')
    assert.deepEqual(
      good.map((run) => [run['name'], run['metrics']]),
      [
        ['r1', { loss: 2 }],
        ['r0', { loss: 3 }],
      ],
    )
    const typed = await slipway('runs', '--filter', "run_name REGEXP '[12]$'", '--limit', '1')
    assert.deepEqual(
      typed.map((run) => run['name']),
      ['r2'],
    )
    const first = await server.client.call(searchesApi.runs, { params: { id: 'good' }, query: { limit: 1 } })
    const page_token = first.next_page_token
    assert.ok(page_token !== undefined)
    const second = await server.client.call(searchesApi.runs, {
      params: { id: 'good' },
      query: { limit: 1, page_token },
    })
    assert.deepEqual(
      [first, second].flatMap((page) => page.items.map((run) => run.name)),
      ['r1', 'r0'],
    )
    await server.client.call(searchesApi.update, { params: { id: 'good' }, body: { grouping: 'params.model' } })
    const [kept] = (await server.client.call(searchesApi.list, { query: {} })).items
    assert.deepEqual([kept?.filter, kept?.grouping], [filter, 'params.model'])
    await slipway('runs', '--forget', 'good')
    assert.deepEqual(await slipway('runs', '--searches'), [])
  } finally {
    await server.stop()
  }
})
