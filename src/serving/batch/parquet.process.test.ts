/** Parquet files that pyarrow wrote go through a batch, and pyarrow reads the result: every column as it was, every value as the model met it. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { testEnv } from '../../../test/python-env.ts'
import type { Backend } from '../../scoring/rows/backend.ts'
import type { Value } from '../../scoring/rows/rows.ts'
import type { InputField, InputKind } from '../../scoring/rows/fields.ts'
import { parquetSource } from './parquet-source.ts'
import { runBatch } from './run.ts'

const WRITE = `
import sys, datetime as dt, decimal, pyarrow as pa, pyarrow.parquet as pq
n = 300
def column(values, type):
    return pa.array([values[i % len(values)] for i in range(n)], type)
at = [1374969600000000001 + 86400 * 10**9 * i for i in range(7)]
table = pa.table({
    "big": column([2**53 + 1, -(2**62) - 1, None, 0, 2**63 - 1], pa.int64()),
    "huge": column([2**64 - 1, None, 7, 2**63], pa.uint64()),
    "small": column([-5, None, 2**31 - 1], pa.int32()),
    "tiny": column([-128, 127, None], pa.int8()),
    "word": column([2**32 - 1, 0], pa.uint32()),
    "flag": column([True, False, None], pa.bool_()),
    "text": column(["a", "ünï, \\"said\\"", "", None, "line\\nbreak"], pa.string()),
    "kind": column(["x", "y", None], pa.string()).dictionary_encode(),
    "single": column([0.1, None, -3.4e38, float("inf")], pa.float32()),
    "double": column([0.1, None, 1e-300], pa.float64()),
    "ms": column([t // 10**6 for t in at] + [None, -1], pa.timestamp("ms", tz="UTC")),
    "us": column([t // 10**3 for t in at] + [None, -1], pa.timestamp("us", tz="UTC")),
    "ns": column(at + [None, -1], pa.timestamp("ns", tz="UTC")),
    "naive": column([t // 10**3 for t in at] + [None], pa.timestamp("us")),
    "bytes": column([b"\\x00\\xff", b"plain", b"", None], pa.binary()),
    "fixed": column([b"\\xfe\\x01", b"ab", None], pa.binary(2)),
    "nothing": pa.nulls(n, pa.string()),
    "price": column([decimal.Decimal("0.57"), None, decimal.Decimal("-0.29")], pa.decimal128(9, 2)),
    "day": column([dt.date(2013, 7, 28), None, dt.date(1960, 1, 1)], pa.date32()),
})
for name, more in {
    "snappy": {"compression": "snappy"},
    "zstd": {"compression": "zstd", "data_page_version": "2.0"},
    "gzip": {"compression": "gzip", "use_dictionary": False},
    "lz4": {"compression": "lz4"},
    "plain": {"compression": "none", "row_group_size": 70, "use_deprecated_int96_timestamps": False},
}.items():
    pq.write_table(table, f"{sys.argv[1]}/{name}.parquet", **more)
`
const READ = `
import sys, json, pyarrow as pa, pyarrow.parquet as pq
given, got = (pq.read_table(path) for path in sys.argv[1:3])
faults = []
for field in given.schema:
    one, other = given[field.name].combine_chunks(), got[field.name].combine_chunks()
    type = one.type.value_type if pa.types.is_dictionary(one.type) else one.type
    one = one.cast(type)
    widened = {"int8": "int32", "uint32": "int64", "fixed_size_binary[2]": "binary"}.get(str(type), str(type))
    if pa.types.is_decimal(type):
        if [None if v is None else float(v) for v in one.to_pylist()] != other.to_pylist():
            faults.append(f"{field.name}: {other.to_pylist()[:9]} for {one.to_pylist()[:9]}")
    elif str(other.type) != widened:
        faults.append(f"{field.name}: {other.type} for {type}")
    elif one.cast(other.type).to_pylist() != other.to_pylist() if "ns" not in str(type) else one.cast("int64").to_pylist() != other.cast("int64").to_pylist():
        faults.append(f"{field.name}: {other.to_pylist()[:9]} for {one.to_pylist()[:9]}")
print(json.dumps({"faults": faults, "rows": got.num_rows, "prediction": [str(v) for v in got["prediction"].to_pylist()][:12]}))
`
/** More rows than a page has, in pages of either version, with values that say where they stand. */
const PAGES = `
import sys, decimal, pyarrow as pa, pyarrow.parquet as pq
n = 5000
table = pa.table({
    "i": pa.array(range(n)),
    "text": pa.array([None if i % 7 == 0 else f"t{i}" for i in range(n)]),
    "kind": pa.array([f"k{i % 3}" for i in range(n)]).dictionary_encode(),
    "exact": pa.array([decimal.Decimal(f"12345678901234567890.{i:04}") for i in range(n)], pa.decimal128(30, 4)),
})
for name, more in {"one": {}, "two": {"data_page_version": "2.0", "compression": "zstd"}}.items():
    pq.write_table(table, f"{sys.argv[1]}/pages-{name}.parquet", row_group_size=3000, data_page_size=700, dictionary_pagesize_limit=600, **more)
pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"]), f"{sys.argv[1]}/twice.parquet")
pq.write_table(pa.table({"a": pa.array([], pa.int32())}), f"{sys.argv[1]}/none.parquet")
pq.write_table(pa.table({"a": [1]}).select([]), f"{sys.argv[1]}/bare.parquet")
`
const run = promisify(execFile)
const python = await testEnv(['pyarrow==25.0.1'], 'once').catch((error: Error) => error)
const skip = python instanceof Error ? `pyarrow cannot be had: ${python.message.split('\n')[0]}` : false

describe('parquet of pyarrow', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'parquet-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  const path = (name: string): string => join(folder, name)

  /** Scores a file by a model that answers with its only input; the rows that it met. */
  async function score(from: string, to: string, field: string, kind: InputKind): Promise<Value[]> {
    const met: Value[] = []
    const backend: Backend = {
      ready: () => true,
      score: (rows) => rows.map(([value]) => (met.push(value ?? null), { prediction: value ?? null, score: null })),
      close: async () => undefined,
      describe: () => ({}),
    }
    const inputs: InputField[] = [{ name: field, kind, required: true, dtype: '' }]
    const source = await parquetSource(path(from))
    const manifest = {
      format: 'slipway.batch/1',
      input: {},
      model: 'm',
      version: '1',
      tree: null,
      chunk: 64,
      on_error: 'stop',
    } as const
    const batch = {
      folder: path(`${to}.batch`),
      manifest,
      source,
      result: path(to),
      format: to.endsWith('.csv') ? 'csv' : 'parquet',
      progress: () => undefined,
    } as const
    await runBatch(batch, { backend, inputs, lanes: 1 }, inputs)
    await source.close()
    return met
  }

  async function compare(from: string, to: string): Promise<{ faults: string[]; rows: number; prediction: string[] }> {
    const { stdout } = await run(python as string, ['-c', READ, path(from), path(to)])
    return JSON.parse(stdout) as { faults: string[]; rows: number; prediction: string[] }
  }

  it('every type and compression is handed on as it was', async () => {
    await run(python as string, ['-c', WRITE, folder])
    for (const name of ['snappy', 'zstd', 'gzip', 'lz4', 'plain']) {
      const met = await score(`${name}.parquet`, `${name}-out.parquet`, 'big', 'integer')
      assert.deepEqual(met.slice(0, 5), [2n ** 53n + 1n, -(2n ** 62n) - 1n, null, 0, 2n ** 63n - 1n])
      const { faults, rows, prediction } = await compare(`${name}.parquet`, `${name}-out.parquet`)
      assert.deepEqual([name, faults, rows], [name, [], 300])
      assert.deepEqual(prediction.slice(0, 5), [
        '9007199254740993',
        '-4611686018427387905',
        'None',
        '0',
        '9223372036854775807',
      ])
    }
  })

  it('a model meets each type as a caller would send it', async () => {
    const cases: readonly [string, InputKind, readonly Value[]][] = [
      ['small', 'integer', [-5, null, 2 ** 31 - 1]],
      ['word', 'integer', [2 ** 32 - 1, 0]],
      ['flag', 'boolean', [true, false, null]],
      ['text', 'string', ['a', 'ünï, "said"', '', null, 'line\nbreak']],
      ['kind', 'string', ['x', 'y', null]],
      ['bytes', 'string', ['AP8=', 'plain', '', null]],
      ['fixed', 'string', ['/gE=', 'ab', null]],
      ['single', 'number', [Math.fround(0.1), null, Math.fround(-3.4e38), Number.POSITIVE_INFINITY]],
      ['double', 'number', [0.1, null, 1e-300]],
      ['us', 'string', ['2013-07-28T00:00:00.000Z', '2013-07-29T00:00:00.000Z']],
      ['ns', 'string', ['2013-07-28T00:00:00.000000001Z']],
      ['price', 'number', [0.57, null, -0.29]],
      ['day', 'string', ['2013-07-28T00:00:00.000Z', null, '1960-01-01T00:00:00.000Z']],
    ]
    for (const [field, kind, wanted] of cases)
      assert.deepEqual((await score('snappy.parquet', `${field}.parquet`, field, kind)).slice(0, wanted.length), wanted)
  })

  it('rows are those that stand there, from whatever place on and in whatever pieces', async () => {
    await run(python as string, ['-c', PAGES, folder])
    const expected = (i: number): unknown[] => [
      BigInt(i),
      i % 7 === 0 ? null : `t${i}`,
      `k${i % 3}`,
      { decimal: `12345678901234567890.${String(i).padStart(4, '0')}`.replace(/\.0000$|(?<=\.\d+)0+$/, '') },
    ]
    for (const name of ['one', 'two']) {
      const source = await parquetSource(path(`pages-${name}.parquet`))
      for (const [at, count] of [
        [0, 1],
        [1, 999],
        [1000, 2500],
        [3500, 1500],
        [4999, 1],
        [2999, 2],
        [10, 10],
        [5000, 5],
      ] as const) {
        const { rows, next, end } = await source.read({ at, line: 1 }, count)
        const numbers = Array.from({ length: Math.min(count, 5000 - at) }, (_, i) => at + i)
        assert.deepEqual(
          rows.map(({ cells }) => cells),
          numbers.map(expected),
        )
        assert.deepEqual([next.at, end], [at + numbers.length, at + numbers.length === 5000])
      }
      await source.close()
    }
  })

  it('a name twice is refused; no rows and no columns are tables of none', async () => {
    await assert.rejects(parquetSource(path('twice.parquet')), /names the column "x" twice/)
    for (const [name, columns] of [
      ['none', 1],
      ['bare', 0],
    ] as const) {
      const source = await parquetSource(path(`${name}.parquet`))
      const { rows, end } = await source.read(source.first, 10)
      assert.deepEqual([source.columns.length, end, rows.length <= 1], [columns, true, true])
      await source.close()
    }
  })

  it('in csv, times keep their digits and whole numbers theirs', async () => {
    await score('zstd.parquet', 'out.csv', 'big', 'integer')
    const [header = '', first = ''] = readFileSync(path('out.csv'), 'utf8').split('\n')
    assert.match(header, /^big,huge,/)
    assert.match(first, /^9007199254740993,18446744073709551615,/)
    assert.match(first, /,2013-07-28T00:00:00\.000000001Z,/)
  })
})
