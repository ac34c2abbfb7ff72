/** What is charged for attempts that go on, that lose their supervisor, and that end while no server is there: real processes, killed with -9. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { Client } from '../../src/client/client.ts'
import { submitProject } from '../../src/cli/project/files.ts'
import { costApi, type CostItem } from '../../src/contract/cost.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { endedRun } from '../fixtures/runs-of.ts'
import { startTestServer } from '../server.ts'
import { until } from '../until.ts'

const CODE = `
import os, time
def burns():
    """Two seconds of CPU in a child that nobody waits for, and then on and on."""
    if os.fork() == 0:
        held = bytearray(100 << 20)
        while True: sum(range(10000))
    time.sleep(600)
def ends():
    until = time.process_time() + 2
    while time.process_time() < until: pass
    while not os.path.exists(os.environ["GO"]): time.sleep(0.1)
`

describe('what is charged', () => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-charged-'))
  const data = join(root, 'data')
  after(() => rmSync(root, { recursive: true, force: true }))

  async function start(client: Client, step: string): Promise<string> {
    const folder = mkdtempSync(join(root, 'project-'))
    const env = `env: {GO: "${join(root, 'go')}"}`
    const steps = `    one: {run: job:${step}, ${env}, retries: {infrastructure: 0}}`
    writeFileSync(join(folder, 'slipway.yaml'), `project: charged\npipeline:\n  steps:\n${steps}\n`)
    writeFileSync(join(folder, 'job.py'), CODE)
    const { id } = await submitProject(client, folder)
    return (await client.call(pipelinesApi.createPipelineRun, { body: { pipeline_version: id } })).id
  }
  const charged = (client: Client, id: string, wanted: (item: CostItem) => boolean): Promise<CostItem> =>
    until('what it is charged', async () => {
      const { items } = await client.call(costApi.report, { query: { by: 'run' } })
      return items.find((item) => item.key === id && wanted(item))
    })
  const attempts = join(data, 'attempts')

  test('an attempt that goes on, and all of it that was seen when its supervisor is killed', async () => {
    const server = await startTestServer({ data })
    const { client } = server
    try {
      const id = await start(client, 'burns')
      const going = await charged(client, id, ({ cpu_seconds }) => cpu_seconds > 2)
      assert.equal((await client.call(pipelinesApi.getPipelineRun, { params: { id } })).finished_at, null)
      assert.ok(going.micro_dollars > 0 && going.memory_gib_seconds > 0.1, JSON.stringify(going))
      assert.equal(going.unmeasured, 0)
      const [attempt = ''] = readdirSync(attempts)
      const { pid } = JSON.parse(readFileSync(join(attempts, attempt, 'process.json'), 'utf8')) as { pid: number }
      process.kill(pid, 'SIGKILL')
      const run = await endedRun(server, id)
      const [lost] = run.steps[0]?.attempts ?? []
      assert.deepEqual([lost?.state, lost?.measured], ['lost', 'partly'])
      assert.ok((lost?.cpu_seconds ?? 0) >= going.cpu_seconds - 0.1)
      const item = await charged(client, id, ({ unmeasured }) => unmeasured === 1)
      assert.equal(item.entries, 1)
      assert.ok(item.cpu_seconds >= going.cpu_seconds && item.memory_gib_seconds >= going.memory_gib_seconds)
      const expected = (item.cpu_seconds / 3600) * 40_000 + (item.memory_gib_seconds / 3600) * 5000
      assert.ok(Math.abs(item.micro_dollars - expected) <= 1.001, `${item.micro_dollars} is not ${expected}`)
    } finally {
      await server.stop()
    }
  })

  test('an attempt that ends while the server is dead, whole', async () => {
    const first = await startTestServer({ data })
    const id = await start(first.client, 'ends')
    const dir = await until('the attempt', () => {
      const [attempt] = existsSync(attempts) ? readdirSync(attempts) : []
      return attempt !== undefined && existsSync(join(attempts, attempt, 'heartbeat.json')) && attempt
    })
    await first.kill()
    writeFileSync(join(root, 'go'), '')
    await until('its own end', () => existsSync(join(attempts, dir, 'exit.json')))
    const second = await startTestServer({ data })
    try {
      const run = await endedRun(second, id)
      assert.deepEqual([run.outcome, run.steps[0]?.attempts[0]?.measured], ['succeeded', 'whole'])
      const item = await charged(second.client, id, ({ cpu_seconds }) => cpu_seconds > 1.9)
      assert.deepEqual([item.entries, item.unmeasured], [1, 0])
    } finally {
      await second.stop()
    }
  })
})
