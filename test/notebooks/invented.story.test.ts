/** Made-up rows of right packages: columns of every type are asked, what both refuse is told, and what cannot be asked so. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { testEnv } from '../python-env.ts'
import { proved } from './expectations.ts'
import { IMPORTS, LOAD, notebookBench, WITHOUT_MLFLOW, writeNotebook, type Packaged } from './notebooks.ts'

const bench = notebookBench()
after(bench.end)

const packaged = async (name: string, cells: readonly string[]): Promise<Packaged> =>
  bench.run(writeNotebook(bench.folder, name, cells), '--python', await testEnv(WITHOUT_MLFLOW))

/** Seven columns, and a function that reads each of them. */
const TYPES = [
  `${IMPORTS}\n${LOAD}
df["since"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(df["tenure"], unit="D")
df["kind"] = df["plan"].astype("category")
df["large"] = df["charge"] > 50
df["few"] = (df["tenure"] % 200).astype("uint8")
X = df[["tenure", "charge", "plan", "since", "kind", "large", "few"]]
y = df["churn"]`,
  `def numbers(part):
    days = (part["since"] - pd.Timestamp("2020-01-01")).dt.days.fillna(-1)
    codes = part["kind"].cat.codes
    out = pd.DataFrame({"days": days, "codes": codes, "large": part["large"].fillna(True).astype(float)})
    return out.assign(tenure=part["tenure"].fillna(3), charge=part["charge"], few=part["few"].fillna(1), plan=part["plan"].str.len().fillna(0))`,
  'model = LogisticRegression().fit(numbers(X), y)',
  'p = model.predict_proba(numbers(X))',
]

describe('made-up rows', { concurrency: 2 }, () => {
  it('have a column of each type changed, and are refused alike where the notebook refuses them', async () => {
    const made = await packaged('types', TYPES)
    proved(made)
    const { rows, refused, verdict, left } = made.report().proof.invented ?? {}
    // seven columns that lack a value, for one row and for 50; four with two ends; two of texts: a charge that is missing has no answer
    assert.deepEqual(
      { rows, refused, verdict, left },
      { rows: 7 * 51 + 8 * 50 + 2 * 50, refused: 51, verdict: 'verified', left: '' },
    )
    assert.match(made.out, /^Made-up rows: verified, 857 rows, 51 of them refused by both$/m)
    assert.match(made.read('report.html'), /<dt>made-up rows<\/dt><dd>verified, 857 rows, 51 of them refused by both/)
  })

  it('are not asked where rows have no columns, which is told, and so is what the notebook itself keeps', async () => {
    const texts = [
      `${IMPORTS}\nfrom sklearn.feature_extraction.text import CountVectorizer\nfrom sklearn.pipeline import make_pipeline\n${LOAD}\nnotes = df["plan"].tolist()`,
      'LENGTHS = []\nclass Counting(CountVectorizer):\n    def transform(self, texts):\n        LENGTHS.append(len(texts))\n        return super().transform(texts)',
      'model = make_pipeline(Counting(), LogisticRegression()).fit(notes, df["churn"])',
      'p = model.predict_proba(notes)',
    ]
    const made = await packaged('texts', texts)
    proved(made)
    assert.match(
      made.out,
      /^Made-up rows: not compared: rows of this kind have no columns that could be changed: list$/m,
    )
    assert.match(
      made.out,
      /^Rows one by one and in another order: verified, \d+ rows: what predict\.py keeps between calls is known by its answers alone, for the notebook keeps LENGTHS$/m,
    )
  })
})
