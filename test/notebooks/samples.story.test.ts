/** Large inputs are sampled for the proof, by a rule without chance; the report says of which and how many rows. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { proved } from './expectations.ts'
import { IMPORTS, notebookBench, writeNotebook } from './notebooks.ts'

const bench = notebookBench()
after(bench.end)

/** 40,000 rows with a period of 7, and notes with line ends within quotes. */
function table(): string {
  const rows = Array.from(
    { length: 40_000 },
    (_, at) => `${at},${at % 7},${(at * 37) % 101},"a note\nof ""two"" lines",${at % 7 > 3 ? 1 : 0}`,
  )
  return `id,day,charge,note,churn\n${rows.join('\n')}\n`
}

const cells = (read: string): string[] => [
  IMPORTS,
  `df = ${read}\nprint("rows", len(df), df["day"].nunique(), df["id"].is_monotonic_increasing, df["note"].nunique())`,
  'X = df[["day", "charge"]]\ny = df["churn"]\nX_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)',
  'model = LogisticRegression()\nmodel.fit(X_train, y_train)\npred = model.predict(X_test)',
  'accuracy = accuracy_score(y_test, pred)',
]

describe('slipway package of large data', () => {
  it('proves on the same sample of rows each time, and says so', async () => {
    const path = writeNotebook(bench.folder, 'large', cells('pd.read_csv("large.csv")'))
    const text = table()
    writeFileSync(join(bench.folder, 'large.csv'), text)
    const first = await bench.run(path, '--sample', '0.2')
    const second = await bench.run(path, '--sample', '0.2')
    proved(first)
    const [sample] = first.report().samples
    const { kept = 0, rows } = sample ?? {}
    assert.deepEqual([sample?.input, rows, sample?.bytes, sample?.why], ['large_path', 40_000, text.length, ''])
    const share = 200_000 / text.length
    assert.ok(Math.abs((kept ?? 0) / 40_000 - share) < 0.01, `${kept} of 40000, the share is ${share}`)
    assert.deepEqual(second.report().samples, first.report().samples)
    assert.match(first.out, new RegExp(`Proved on a sample of large_path: ${kept} of 40000 rows`))
    assert.match(first.read('report.html'), new RegExp(`${kept?.toLocaleString('en-US')} of 40,000 rows`))
    // the package has the whole, and no figure of the sample
    assert.equal(readFileSync(join(first.folder, 'data/large.csv'), 'utf8'), text)
    assert.doesNotMatch(first.read('tests/test_golden.py'), /"rows \d/)
  })

  it('finds on the sample what is wrong', async () => {
    const path = writeNotebook(bench.folder, 'large_wrong', cells('pd.read_csv("large.csv")'))
    writeFileSync(join(bench.folder, 'large.csv'), table())
    const made = await bench.run(path, '--no-proof')
    const file = join(made.folder, 'src/large_wrong/train.py')
    writeFileSync(file, readFileSync(file, 'utf8').replace('LogisticRegression()', 'LogisticRegression(C=0.5)'))
    const again = await bench.run(path, '--prove', made.folder, '--sample', '0.2')
    assert.match(again.out, /not verified: cell 4: model/)
  })

  it('takes rows of packed tables, and reads whole what has no rows to take', async () => {
    const packed = writeNotebook(bench.folder, 'packed', cells('pd.read_csv("large.csv.gz")'))
    writeFileSync(join(bench.folder, 'large.csv.gz'), gzipSync(table()))
    const made = await bench.run(packed, '--sample', '0.05')
    proved(made)
    assert.ok((made.report().samples[0]?.kept ?? 0) < 39_000)
    const other = writeNotebook(bench.folder, 'other', [
      `${IMPORTS}\nimport json\nwith open("large.json") as file:\n    df = pd.DataFrame(json.load(file))`,
      'model = LogisticRegression()\nX = df[["a"]]\nmodel.fit(X, df["b"])\npred = model.predict(X)\nprint(pred[:3])',
    ])
    const rows = Array.from({ length: 5000 }, (_, at) => ({ a: at, b: at > 2000 ? 1 : 0 }))
    writeFileSync(join(bench.folder, 'large.json'), JSON.stringify(rows))
    const whole = await bench.run(other, '--sample', '0.01')
    proved(whole)
    assert.match(whole.out, /large_path has \d+ MB and was read whole: rows of this format cannot be taken/)
  })

  it('says what --sample takes', async () => {
    assert.match((await bench.run('d14_figures', '--sample', 'some')).said, /--sample is "some"; expected megabytes/)
  })
})
