/** `slipway batch-predict`: the rows of a table get the gateway's own answers, once each. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import { parquetWriteFile } from 'hyparquet-writer'
import { createClient } from '../../src/client/client.ts'
import { servingApi } from '../../src/contract/serving.ts'
import { parseCsv } from '../../src/gateway/protocols/columns.ts'
import { onnxRuntime } from '../../src/scoring/onnx/install.ts'
import type { VersionFiles } from '../../src/serving/fleet/places.ts'
import { csvOf, ROWS, startBatch } from '../fixtures/batch-control.ts'
import type { BatchControl } from '../fixtures/batch-control.ts'
import type { ControlReady } from '../fixtures/serving-control.ts'
import { onnxModels } from '../onnx-models.ts'
import { testEnvFolder } from '../python-env.ts'
import { until } from '../until.ts'

interface OnnxExpected {
  readonly rows: readonly (readonly number[])[]
  readonly value: { readonly variable: readonly (readonly number[])[] }
}

/** A version that ONNX Runtime serves. */
function onnxFiles(folder: string): VersionFiles {
  const dir = join(folder, 'value')
  return { dir, python: null, native: null, onnx: { file: join(dir, 'model.onnx') }, reason: null }
}

/** The folder of the ONNX models, or why the runtime or its Python packages cannot be had. */
const onnx = await Promise.all([onnxModels(), onnxRuntime(testEnvFolder())]).then(
  ([models]) => models,
  (error: Error) => error,
)

describe('batch-predict', () => {
  let control: BatchControl
  let ready: ControlReady
  let table: BatchControl['table']

  before(async () => {
    control = await startBatch(typeof onnx === 'string' ? { '5': onnxFiles(onnx) } : {})
    ;({ ready, table } = control)
  })
  after(() => control.stop())

  const path = (name: string): string => control.path(name)
  const batch: BatchControl['batch'] = (...args) => control.batch(...args)
  const done: BatchControl['done'] = (...args) => control.done(...args)

  /** The gateway's predictions of the whole table. */
  async function answers(version: '1' | '2', ids?: readonly string[]): Promise<unknown[]> {
    const response = await fetch(`${ready.gatewayUrl}/v1/endpoints/e${version}:predict`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ready.tokens.service}` },
      body: JSON.stringify({
        inputs: table,
        ...(ids && { id: ids, event_time: '2013-08-01T00:00:00Z' }),
      }),
    })
    const body = (await response.json()) as { predictions: unknown[] }
    assert.equal(response.status, 200, JSON.stringify(body))
    return body.predictions
  }

  /** The predictions of a result in CSV as the gateway would send them, and its other columns. */
  function readResult(text: string): { notes: string[]; predictions: unknown[]; header: string[] } {
    const [header = [], ...lines] = parseCsv(text)
    const places = header.flatMap((name, j) => (/^prediction(_\d+)?$/.test(name) ? [j] : []))
    const one = (cells: string[]): unknown => {
      const values = places.map((j) => Number(cells[j]))
      return header.includes('prediction') ? values[0] : values
    }
    return { header, notes: lines.map((cells) => cells[header.indexOf('note')] ?? ''), predictions: lines.map(one) }
  }

  function parquet(name: string): Promise<Record<string, unknown>[]> {
    return asyncBufferFromFile(path(name)).then((file) => parquetReadObjects({ file }))
  }

  for (const version of ['1', '2'] as const)
    it(`version ${version}: csv and parquet get the answers of the gateway, row for row`, async () => {
      const expected = await answers(version)
      const csv = `out-${version}.csv`
      const ended = await done([`m/${version}`, 'in.csv', csv, '--chunk', '50', '--json'])
      assert.deepEqual(
        { ...(JSON.parse(ended.out) as object), version: '' },
        { output: csv, rows: ROWS, failed: 0, chunks: 5, resumed: 0, version: '' },
      )
      const result = readResult(readFileSync(path(csv), 'utf8'))
      assert.deepEqual(result.predictions, expected)
      assert.deepEqual(
        result.notes,
        table.map(({ note }) => note),
      )
      assert.equal(existsSync(path(`${csv}.batch`)), false)
      const names = Object.keys(table[0] ?? {})
      const columnData = names.map((name) => ({ name, data: table.map((row) => row[name] ?? null) }))
      parquetWriteFile({ filename: path('in.parquet'), columnData, rowGroupSize: 70 })
      await done([`models:/m/${version}`, 'in.parquet', `out-${version}.parquet`, '--chunk', '64'])
      const rows = await parquet(`out-${version}.parquet`)
      assert.deepEqual(
        rows.map((row) => row['prediction'] ?? [row['prediction_0'], row['prediction_1']]),
        expected,
      )
      assert.deepEqual(
        rows.map((row) => names.map((name) => plain(row[name]))),
        table.map((row) => names.map((name) => row[name])),
      )
    })

  it(
    'an ONNX model: every row gets the answer of the runtime in Python, in batches',
    { skip: typeof onnx === 'string' ? false : `ONNX cannot be had: ${onnx.message.split('\n')[0]}` },
    async () => {
      const folderOf = typeof onnx === 'string' ? onnx : ''
      const expected = JSON.parse(readFileSync(join(folderOf, 'expected.json'), 'utf8')) as OnnxExpected
      const rows = expected.rows.map(([a, b, c, d], i) => ({ note: `row ${i}`, a, b, c, d }))
      writeFileSync(path('onnx.csv'), csvOf(rows))
      await done(['m/5', 'onnx.csv', 'onnx-out.csv', '--chunk', '300'])
      const result = readResult(readFileSync(path('onnx-out.csv'), 'utf8'))
      assert.deepEqual(result.notes, rows.map(({ note }) => note)) // prettier-ignore
      for (const [i, prediction] of result.predictions.entries()) {
        const want = expected.value.variable[i]?.[0] ?? Number.NaN
        assert.ok(Math.abs((prediction as number) - want) <= 1e-5, `row ${i}: ${String(prediction)} for ${want}`)
      }
    },
  )

  it('a run goes on neither with another input, nor another version, nor over a result; --restart begins anew', async () => {
    writeFileSync(path('moved.csv'), csvOf(table))
    const fault = { SLIPWAY_TEST_HOOKS: '1', SLIPWAY_FAULT: 'batch.part-written@2' }
    const args = ['moved.csv', 'refused.csv', '--chunk', '50']
    assert.equal((await batch(['m/1', ...args], fault)).signal, 'SIGKILL')
    const other = await batch(['m/3', ...args])
    assert.equal(other.code, 2)
    assert.match(other.errors, /whose version was 1 and is 3 now; --restart begins anew/)
    utimesSync(path('moved.csv'), 1, 1)
    assert.match((await batch(['m/1', ...args])).errors, /whose input \(mtime\) was .* now; --restart begins anew/)
    await done(['m/3', ...args, '--restart'])
    assert.match((await batch(['m/3', ...args])).errors, /refused\.csv is there already/)
    assert.equal(existsSync(path('refused.csv.batch')), false)
  })

  it('a row that does not fit ends the run by line, field, value and expectation, or is written with its error', async () => {
    const names = Object.keys(table[0] ?? {})
    const lines = csvOf(table.slice(0, 40)).trimEnd().split('\n')
    lines[21] = lines[21]?.replace(/,[^,]*$/, '') ?? ''
    lines[11] = names.map((name) => (name === 'distance' ? 'far' : '1')).join(',')
    writeFileSync(path('bad.csv'), `${lines.join('\r\n')}\r\n`)
    const stopped = await batch(['m/1', 'bad.csv', 'bad-out.csv'])
    assert.equal(stopped.code, 2)
    assert.match(stopped.errors, /line 12: field "distance" is "far", expected a number or null/)
    assert.equal(existsSync(path('bad-out.csv')), false)
    const args = ['m/1', 'bad.csv', 'bad-out.csv', '--on-error', 'skip', '--restart', '--json']
    const { out } = await done(args)
    assert.deepEqual(
      (({ rows, failed }: { rows: number; failed: number }) => [rows, failed])(JSON.parse(out) as never),
      [40, 2],
    )
    const [header = [], ...cells] = parseCsv(readFileSync(path('bad-out.csv'), 'utf8'))
    const errors = cells.map((row) => row[header.indexOf('error')])
    assert.match(errors[10] ?? '', /field "distance"/)
    assert.match(errors[20] ?? '', /it has 5 cells, expected 6/)
    assert.equal(errors.filter((text) => text === '').length, 38)
    await done(['m/1', 'bad.csv', 'bad-out.parquet', '--on-error', 'skip'])
    assert.equal((await parquet('bad-out.parquet'))[10]?.['distance'], null)
  })

  it('what is no table is refused by what is wrong with it', async () => {
    const cases: readonly [name: string, text: string, expected: RegExp][] = [
      ['empty.csv', '', /it is empty/],
      ['twice.csv', 'hour,hour\n1,2\n', /"hour" twice/],
      ['lacks.csv', 'hour\n1\n', /has no column "distance" \(double\), which the model requires/],
      ['score.csv', csvOf(table.slice(0, 1)).replace('note', 'score'), /column "score".*rename it/],
      ['quote.csv', `${csvOf(table.slice(0, 1))}"open,1,2,3,4,5\n`, /line 3 has a stray quote/],
      ['text.parquet', 'no parquet', /parquet file cannot be read/],
      ['in.json', '[]', /INPUT.*\.csv or \.parquet/],
    ]
    for (const [name, text, expected] of cases) {
      writeFileSync(path(name), text)
      const ended = await batch(['m/1', name, 'none.csv', '--restart'])
      assert.equal(ended.code, 2, `${name}: ${ended.errors}`)
      assert.match(ended.errors, expected)
    }
    assert.match((await batch(['m/1', 'absent.csv', 'none.csv'])).errors, /absent\.csv/)
    assert.match((await batch(['m@absent', 'in.csv', 'none.csv'])).errors, /m@absent/)
    assert.equal(existsSync(path('none.csv')), false)
  })

  it('logged predictions of an endpoint are scored by a candidate, with what was answered then beside it', async () => {
    const ids = table.map((_, i) => `logged-${i}`)
    await answers('1', ids)
    const input = 'endpoint:e1?from=2013-08-01T00:00:00Z&to=2013-08-01T00:00:01Z'
    const admin = createClient({ url: ready.url, token: ready.tokens.admin })
    for (const id of ids)
      await until(`prediction ${id} in the log`, () =>
        admin.call(servingApi.getPrediction, { params: { name: 'e1', id } }).catch(() => undefined),
      )
    await done(['m/3', input, 'back.parquet', '--chunk', '100'])
    const rows = await parquet('back.parquet')
    assert.deepEqual(new Set(rows.map((row) => row['prediction_id'])), new Set(ids))
    assert.equal(rows.length, ROWS)
    const [then, now] = [await answers('1'), await answers('2')]
    for (const row of rows) {
      const i = Number(String(row['prediction_id']).slice('logged-'.length))
      assert.equal(row['logged_score'], positive(then[i]))
      assert.ok(Math.abs(Number(row['score']) - Number(positive(now[i]))) < 1e-12)
      assert.equal(row['logged_version'], '1')
    }
    assert.match((await batch(['m/3', 'endpoint:e1?since=1', 'none.csv'])).errors, /from=TIME&to=TIME/)
    assert.match((await batch(['m/3', 'endpoint:absent', 'none.csv', '--restart'])).errors, /absent/)
  })
})

function positive(prediction: unknown): unknown {
  return Array.isArray(prediction) ? prediction.at(-1) : prediction
}

function plain(value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : (value ?? null)
}
