/** Bodies to predict that are beyond the limits of depth and size: each is refused by name on every wire, and other callers are answered beside it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createClient } from '../../src/client/client.ts'
import { servingApi } from '../../src/contract/serving.ts'
import { DEEPEST, MOST_VALUES } from '../../src/http/json-shape.ts'
import type { ControlArguments, ControlReady } from '../fixtures/serving-control.ts'
import { servingModels } from '../serving-models.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'limits-'))
let control: ChildProcess
let ready: ControlReady
let inputs: Record<string, unknown>

before(async () => {
  const models = await servingModels()
  const { score: _, ...row } = models.rows[0] ?? { score: 0 }
  inputs = row
  const given: ControlArguments = { dataDir, versions: { '1': models.files('hgb') } }
  const script = join(import.meta.dirname, '../fixtures/serving-control.ts')
  control = spawn(process.execPath, [script, JSON.stringify(given)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  for await (const chunk of control.stdout as unknown as AsyncIterable<Buffer>) {
    said += chunk.toString('utf8')
    if (said.includes('\n')) break
  }
  ready = JSON.parse(said) as ControlReady
  const admin = createClient({ url: ready.url, token: ready.tokens.admin })
  const params = { name: 'e' }
  await admin.call(servingApi.putEndpoint, { params, body: { project: 'p', model: 'm' } })
  await admin.call(servingApi.deploy, { params, body: { version: '1' } })
})
after(async () => {
  control.kill('SIGTERM')
  await new Promise((resolve) => control.once('exit', resolve))
  rmSync(dataDir, { recursive: true, force: true })
})

const LISTS = '['.repeat(8_000_000) + ']'.repeat(8_000_000)
const OBJECTS = '{"a":'.repeat(2_000_000) + '1' + '}'.repeat(2_000_000)
const WIDE = `{"instances":[${'{},'.repeat(4_000_000)}{}]}`

async function post(url: string, body: string, type = 'application/json'): Promise<{ status: number; text: string }> {
  const headers = { authorization: `Bearer ${ready.tokens.admin}`, 'content-type': type }
  const reply = await fetch(url, { method: 'POST', headers, body })
  return { status: reply.status, text: await reply.text() }
}

/** A good call beside the bad ones must get its own answer. */
async function goodCall(): Promise<void> {
  const { status, text } = await post(`${ready.gatewayUrl}/v1/endpoints/e:predict`, JSON.stringify({ inputs }))
  assert.equal(status, 200, text)
}

describe('the gateway', () => {
  for (const path of [
    '/v1/endpoints/e:predict',
    '/endpoints/e/invocations',
    '/v1/models/e:predict',
    '/v2/models/e/infer',
  ]) {
    test(`refuses deep and wide bodies at ${path}`, async () => {
      const url = ready.gatewayUrl + path
      const [lists, objects, wide] = await Promise.all([
        post(url, LISTS),
        post(url, OBJECTS),
        post(url, WIDE),
        goodCall(),
      ])
      assert.equal(lists.status, 400)
      assert.match(lists.text, new RegExp(`nests deeper than ${DEEPEST}`))
      assert.equal(objects.status, 400)
      assert.match(objects.text, new RegExp(`nests deeper than ${DEEPEST}`))
      assert.equal(wide.status, 413)
      assert.match(wide.text, new RegExp(`${MOST_VALUES + 1} values or more; at most ${MOST_VALUES} are taken`))
    })
  }

  test('refuses a CSV of too many cells and one of too many rows', async () => {
    const url = `${ready.gatewayUrl}/endpoints/e/invocations`
    const cells = await post(url, `a\n${','.repeat(3_000_000)}`, 'text/csv')
    assert.equal(cells.status, 413)
    assert.match(cells.text, /3000001 commas and lines or more; at most 2000000/)
    const rows = await post(url, `a\n${'1\n'.repeat(100_000)}`, 'text/csv')
    assert.equal(rows.status, 400)
    assert.match(rows.text, /at most 10000 rows/)
  })

  test('takes the rows of a body that is parsed in slices', async () => {
    const row = JSON.stringify(inputs)
    const url = `${ready.gatewayUrl}/endpoints/e/invocations`
    const one = await post(url, `{"dataframe_records":[${row}]}`)
    const { predictions } = JSON.parse(one.text) as { predictions: unknown[] }
    const all = await post(url, `{"dataframe_records":[${Array.from({ length: 5000 }, () => row).join(',')}]}`)
    assert.deepEqual(JSON.parse(all.text), { predictions: Array.from({ length: 5000 }, () => predictions[0]) })
  })
})
