/** Two tokens and one slow Python model: what one sends, however much it is, leaves the other its answers. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { servingModels } from '../../test/serving-models.ts'
import type { InputField } from '../scoring/rows/fields.ts'
import { openBackend } from './backends/open.ts'
import { endpointRoute, startTestGateway } from './gateway.fixture.ts'
import type { Gateway } from './gateway.ts'

/** Takes two milliseconds a row. */
const MODEL = `
import time


class Slow:
    def predict(self, data, params=None):
        time.sleep(0.002 * len(data))
        return data["x"].to_numpy()


def _load_pyfunc(path):
    return Slow()
`
const INPUTS: readonly InputField[] = [{ name: 'x', kind: 'number', required: true, dtype: 'double' }]
const SECRET = 'abcdefghijklmnopqrstuvwxyz'
const signature = { inputs: JSON.stringify([{ name: 'x', type: 'double', required: true }]) }
const folder = mkdtempSync(join(tmpdir(), 'fair-queue-'))
let gateway: Gateway

before(async () => {
  const { python } = await servingModels()
  const dir = join(folder, 'model')
  mkdirSync(join(dir, 'code'), { recursive: true })
  writeFileSync(join(dir, 'code/slow_model.py'), MODEL)
  const flavors = { python_function: { loader_module: 'slow_model', code: 'code', python_version: '3.12.0' } }
  writeFileSync(join(dir, 'MLmodel'), JSON.stringify({ flavors, signature, mlflow_version: '3.0.0' }))
  const backend = { kind: 'python', dir, python, tensor: null, workers: 1, memory_mb: 4096 } as const
  const token = (id: string) => {
    const given = { id, hash: hash('sha256', SECRET, 'hex'), project: null, expires_at: null }
    return { ...given, role: 'service' as const }
  }
  const tokens = [token('much'), token('little')]
  const endpoints = [endpointRoute('slow', INPUTS, backend)]
  gateway = await startTestGateway(
    { format: 'slipway.routing/1', epoch: 1, open: false, endpoints, tokens },
    {
      dataDir: join(folder, 'data'),
      openBackend: (variant, wait) => openBackend(variant, wait, { logDir: folder, plan: null }),
    },
  )
  // until its scorer has come up
  assert.equal((await predict('little', [0], 60_000)).status, 200)
})
after(async () => {
  await gateway.stop()
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

interface Told {
  readonly status: number
  readonly rows: readonly unknown[]
  readonly ms: number
}

async function predict(as: string, values: readonly number[], timeout_ms: number): Promise<Told> {
  const began = performance.now()
  const response = await fetch(`http://127.0.0.1:${gateway.port}/v1/endpoints/slow:predict`, {
    method: 'POST',
    headers: { authorization: `Bearer slw_${as}.${SECRET}`, 'content-type': 'application/json' },
    body: JSON.stringify({ inputs: values.map((x) => ({ x })), timeout_ms }),
  })
  const said = (await response.json()) as { predictions?: unknown[] }
  return { status: response.status, rows: said.predictions ?? [], ms: performance.now() - began }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

/** Single predictions of the other token, one after the other, for as long as `while_` runs. */
async function beside<T>(work: Promise<T>): Promise<{ waits: Told[]; done: T }> {
  const over = { yet: false }
  const ended = work.finally(() => (over.yet = true))
  await sleep(300)
  const waits: Told[] = []
  while (!over.yet) {
    waits.push(await predict('little', [waits.length], 3000))
    await sleep(20)
  }
  return { waits, done: await ended }
}

function assertAnswered(waits: readonly Told[]): void {
  assert.ok(waits.length >= 3, `${waits.length} calls`)
  for (const [i, { status, rows, ms }] of waits.entries()) {
    assert.deepEqual([status, rows], [200, [i]])
    assert.ok(ms < 1500, `call ${i} waited ${Math.round(ms)} ms`)
  }
}

test(
  'a token whose batches fill the queue is refused itself; the other is answered in time',
  { timeout: 60_000 },
  async () => {
    const until = Date.now() + 4000
    const told: Record<number, number> = {}
    const flood = async (): Promise<void> => {
      while (Date.now() < until) {
        const { status } = await predict('much', numbers(300), 5000)
        told[status] = (told[status] ?? 0) + 1
        await sleep(50)
      }
    }
    const { waits } = await beside(Promise.all(Array.from({ length: 16 }, flood)))
    assertAnswered(waits)
    assert.ok((told[200] ?? 0) >= 3, `the flood has its share: ${JSON.stringify(told)}`)
    assert.ok((told[429] ?? 0) > 0, `and was more than the queue takes: ${JSON.stringify(told)}`)
  },
)

test(
  'six seconds of rows in one call keep nobody else waiting, and come back whole and in order',
  { timeout: 60_000 },
  async () => {
    const { waits, done } = await beside(predict('much', numbers(3000), 60_000))
    assertAnswered(waits)
    assert.equal(done.status, 200)
    assert.deepEqual(done.rows, numbers(3000))
  },
)
