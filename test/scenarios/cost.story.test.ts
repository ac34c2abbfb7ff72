/** What a real run costs: the operating system's counts of real steps, failed ones too, in the report and on the command line. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startTestApp } from '../app.ts'
import type { App } from '../../src/options.ts'
import { createClient } from '../../src/client/client.ts'
import type { CostItem, CostReport } from '../../src/contract/cost.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { until } from '../until.ts'

const CLI = resolve(import.meta.dirname, '../../src/cli/main.ts')

const STEPS = `
def good():
    return {"total": float(sum(i * i for i in range(2_000_000)) % 97)}


def bad():
    sum(i * i for i in range(2_000_000))
    raise ValueError("on purpose")
`
const PROJECT = `project: tiny
python: {requires: ">=3.10", packages: []}
pipeline:
  steps:
    good: {run: steps:good}
    bad: {run: steps:bad}
`

describe('the cost of a run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-cost-'))
  const dataDir = join(folder, 'data')
  let app: App

  before(async () => {
    mkdirSync(join(folder, 'project'))
    writeFileSync(join(folder, 'project/steps.py'), STEPS)
    writeFileSync(join(folder, 'project/slipway.yaml'), PROJECT)
    app = await startTestApp({
      dataDir,
    })
  })
  after(async () => {
    await app.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  function cli(...args: string[]): Promise<{ code: number; out: string }> {
    const token = readFileSync(app.tokenFile, 'utf8').trim()
    const env = { ...process.env, SLIPWAY_TOKEN: token }
    return new Promise((done) => {
      execFile(
        process.execPath,
        [CLI, ...args, '--url', app.url, '--data', dataDir],
        { env, timeout: 150_000 },
        (error, out, err) => done({ code: error === null ? 0 : Number(error.code ?? -1), out: out + err }),
      )
    })
  }

  async function costs(by: string): Promise<readonly CostItem[]> {
    const { out } = await cli('cost', by, '--json')
    return (JSON.parse(out) as CostReport).items
  }

  /** CPU that the attempts of the newest run have told at their ends. */
  async function usedBySteps(): Promise<number> {
    const client = createClient({ url: app.url, token: readFileSync(app.tokenFile, 'utf8').trim() })
    const { items } = await client.call(pipelinesApi.listPipelineRuns, { query: { limit: 1 } })
    const { steps } = await client.call(pipelinesApi.getPipelineRun, { params: { id: items[0]?.id ?? '' } })
    return steps.flatMap(({ attempts }) => attempts).reduce((sum, { cpu_seconds }) => sum + (cpu_seconds ?? 0), 0)
  }

  it('has CPU and memory of each attempt, the failed one too', async () => {
    const run = await cli('run', join(folder, 'project'))
    assert.notEqual(run.code, 0, run.out)
    assert.match(run.out, /ValueError: on purpose/)
    let items: readonly CostItem[] = []
    // what an attempt has used so far is charged before it has ended
    const used = await usedBySteps()
    const item = await until(
      () => `${used} s of CPU of two steps: ${JSON.stringify(items)}`,
      async () => {
        items = await costs('run')
        return items.find((one) => one.entries === 2 && Math.abs(one.cpu_seconds - used) < 0.01)
      },
    )
    assert.equal(items.length, 1)
    assert.match(item.label, /^tiny pr_/)
    assert.ok(item.cpu_seconds > 0.1 && item.cpu_seconds < 60, String(item.cpu_seconds))
    assert.ok(item.memory_gib_seconds > 0)
    const expected = (item.cpu_seconds / 3600) * 40_000 + (item.memory_gib_seconds / 3600) * 5000
    assert.ok(Math.abs(item.micro_dollars - expected) <= 1.001, `${item.micro_dollars} is not ${expected}`)
    assert.equal((await costs('project'))[0]?.micro_dollars, item.micro_dollars)
  })

  it('a new price is set from the command line and told', async () => {
    const set = await cli('cost', 'set', 'cpu', '0.05', '--note', 'own bill')
    assert.equal(set.code, 0, set.out)
    assert.match((await cli('cost', 'rates')).out, /cpu +0\.050000 +vCPU hour .*own bill/)
    assert.equal((await cli('cost', 'set', 'gold', '1')).code, 2)
  })
})
