/** The published serving oracle: 1,000 rows in six request forms, and its own client of the Open Inference Protocol. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { testEnv } from '../python-env.ts'
import { nativeModel, serveModels } from './gateway.ts'
import type { ServedGateway } from './gateway.ts'
import { EXPECTED, ORACLES, oracleModels, readExpected, SKIP_ORACLE } from './oracle-models.ts'
import { TRITON_CLIENT } from './packages.ts'
import { runChecks } from './program.ts'

const CLIENT = join(ORACLES, '../bench/serving/oip_client.py')
/** The logistic model is fitted anew, and its solver is not bit-reproducible between machines. */
const TOLERANCE: Readonly<Record<string, number>> = { hgb: 0, rf: 0, xgb: 0, lr: 1e-9 }
const MODELS = ['hgb', 'rf', 'lr', 'xgb']

type Cell = number | string | null

const WHOLE = new Set(['month', 'day', 'hour', 'minute', 'distance'])
const TEXTS = new Set(['carrier', 'origin', 'dest'])

/** A request body in one of the forms, and its content type. */
type Form = (
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
  numeric: boolean,
) => { path: string; body: string; type: string }

const invocation = (value: unknown): ReturnType<Form> => ({
  path: 'invocations',
  body: JSON.stringify(value),
  type: 'application/json',
})
const records = (columns: readonly string[], rows: readonly (readonly Cell[])[]): object[] =>
  rows.map((row) => Object.fromEntries(columns.map((name, j) => [name, row[j]])))

const csvCell = (cell: Cell): string => {
  const text = String(cell ?? '')
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

const FORMS: Readonly<Record<string, Form>> = {
  dataframe_split: (columns, data) => invocation({ dataframe_split: { columns, data } }),
  dataframe_records: (columns, rows) => invocation({ dataframe_records: records(columns, rows) }),
  instances: (columns, rows) => invocation({ instances: records(columns, rows) }),
  inputs: (columns, rows) =>
    invocation({ inputs: Object.fromEntries(columns.map((name, j) => [name, rows.map((row) => row[j])])) }),
  csv: (columns, rows) => ({
    path: 'invocations',
    body: [columns, ...rows].map((row) => row.map(csvCell).join(',')).join('\n'),
    type: 'text/csv',
  }),
  v2: (columns, rows, numeric) => ({
    path: 'infer',
    body: JSON.stringify({
      inputs: columns.map((name, j) => ({
        name,
        shape: [rows.length, 1],
        datatype: TEXTS.has(name) ? 'BYTES' : WHOLE.has(name) && !numeric ? 'INT64' : 'FP64',
        data: rows.map((row) => row[j]),
      })),
    }),
    type: 'application/json',
  }),
}

/** Rows of one request. */
const CHUNK = 50

let gateway: ServedGateway | undefined
after(() => gateway?.stop())

test('the serving oracle', { skip: SKIP_ORACLE }, async (t) => {
  const folder = await oracleModels()
  gateway = await serveModels(MODELS.map((name) => nativeModel(name, join(folder, name, 'native'))))
  const { http, grpc } = gateway
  const expected = readExpected()
  for (const model of MODELS) {
    const from = expected.models[model]?.rows_from ?? 'mixed'
    const { columns, rows } = expected[from]
    for (const [form, make] of Object.entries(FORMS)) {
      await t.test(`${model} in the form ${form}`, async () => {
        const wanted = expected.models[model]?.pred ?? []
        assert.equal(wanted.length, 1000)
        for (let at = 0; at < rows.length; at += CHUNK) {
          const { path, body, type } = make(columns, rows.slice(at, at + CHUNK), from === 'numeric')
          const url =
            path === 'infer' ? `http://${http}/v2/models/${model}/infer` : `http://${http}/endpoints/${model}/${path}`
          const response = await fetch(url, { method: 'POST', headers: { 'content-type': type }, body })
          const text = await response.text()
          assert.equal(response.status, 200, text)
          const answer = JSON.parse(text) as { predictions?: unknown[]; outputs?: { data: number[] }[] }
          const got = (answer.predictions ?? answer.outputs?.[0]?.data ?? []).flat() as number[]
          const want = wanted.slice(at, at + CHUNK).flat()
          assert.equal(got.length, want.length)
          const worst = Math.max(...want.map((value, i) => Math.abs(value - (got[i] ?? Number.NaN))))
          assert.ok(worst <= (TOLERANCE[model] ?? 0), `rows from ${at}: off by ${worst}`)
        }
      })
    }
  }
  await t.test("the oracle's own client: 19 checks over HTTP and gRPC", async (inner) => {
    const python = await testEnv(TRITON_CLIENT).catch((error: Error) => error)
    if (python instanceof Error) {
      inner.skip(`tritonclient cannot be installed here: ${python.message.split('\n')[0]}`)
      return
    }
    const { code, checks, said } = await runChecks(python, ['-B', CLIENT, http, grpc, 'hgb', EXPECTED])
    assert.deepEqual([code, checks.filter((check) => check.ok).length], [0, 19], said)
  })
})
