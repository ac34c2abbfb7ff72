/** Two tokens and one slow Python model: what one sends, however much it is, leaves the other its answers. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../../test/until.ts'
import { servingModels } from '../../test/serving-models.ts'
import type { Backend } from '../scoring/rows/backend.ts'
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
/** Calls of many rows that were scored, and how many of them while each call of one row waited. */
const scored = { many: 0, besides: [] as number[] }

/** The backend, whose calls are noted as they are queued and scored. */
function noted(backend: Backend): Backend {
  const score = backend.score.bind(backend)
  return Object.assign(backend, {
    score: async (...[rows, limits]: Parameters<Backend['score']>) => {
      const before = scored.many
      const scores = await score(rows, limits)
      if (rows.length > 1) scored.many++
      else scored.besides.push(scored.many - before)
      return scores
    },
  })
}

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
      openBackend: async (variant, wait) => noted(await openBackend(variant, wait, { logDir: folder, plan: null })),
    },
  )
  // until its scorer has come up
  assert.equal((await predict('little', [0])).status, 200)
})
after(async () => {
  await gateway.stop()
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

interface Told {
  readonly status: number
  readonly rows: readonly unknown[]
}

async function predict(as: string, values: readonly number[], timeout_ms = 120_000): Promise<Told> {
  const response = await fetch(`http://127.0.0.1:${gateway.port}/v1/endpoints/slow:predict`, {
    method: 'POST',
    headers: { authorization: `Bearer slw_${as}.${SECRET}`, 'content-type': 'application/json' },
    body: JSON.stringify({ inputs: values.map((x) => ({ x })), timeout_ms }),
  })
  const said = (await response.json()) as { predictions?: unknown[] }
  return { status: response.status, rows: said.predictions ?? [] }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

test('a token whose batches fill the queue is refused itself; the other is answered before nearly all that waits', async () => {
  const told: Record<number, number> = {}
  const over = { yet: false }
  const flood = async (): Promise<void> => {
    while (!over.yet) {
      const { status } = await predict('much', numbers(300), 5000)
      told[status] = (told[status] ?? 0) + 1
      // by the clock: who is refused does not come back at once; all that counts is the order of answers
      await pause(50)
    }
  }
  const floods = Promise.all(Array.from({ length: 16 }, flood))
  try {
    await until('the flood to be more than the queue takes', () => told[429])
    scored.besides = []
    for (let i = 0; i < 8; i++) assert.deepEqual(await predict('little', [i]), { status: 200, rows: [i] })
    // what ends with the batch that runs, and with one of the other: a dozen calls of the flood wait
    assert.ok(Math.max(...scored.besides) <= 3, `calls of the flood before each: ${scored.besides.join(' ')}`)
    await until('the share of the flood', () => (told[200] ?? 0) >= 3)
  } finally {
    over.yet = true
    await floods
  }
})

test('six seconds of rows in one call keep nobody else waiting, and come back whole and in order', async () => {
  const over = { yet: false }
  const much = predict('much', numbers(3000)).finally(() => (over.yet = true))
  let answered = 0
  while (!over.yet) {
    assert.deepEqual(await predict('little', [answered]), { status: 200, rows: [answered] })
    answered++
    // by the clock: a caller that is not always there; all that counts is the order of answers
    await pause(20)
  }
  // one that waits for all of these rows is answered once
  assert.ok(answered >= 3, `${answered} calls were answered meanwhile`)
  assert.deepEqual(await much, { status: 200, rows: numbers(3000) })
})
