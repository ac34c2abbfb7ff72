/** Code such as people write it: what was met in real notebooks and by inventing worse ones, each proved or refused with its reason. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { found, proved } from './expectations.ts'
import { IMPORTS, LOAD, notebookBench, writeNotebook } from './notebooks.ts'

const bench = notebookBench()
after(bench.end)
const SPLIT =
  'X = df[["tenure", "charge"]]\ny = df["churn"]\nX_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)'
const FIT = 'model = LogisticRegression()\nmodel.fit(X_train, y_train)\npred = model.predict(X_test)'

describe('slipway package of messy code', { concurrency: 2 }, () => {
  it('functions: defaults that are paths, decorators, nonlocal, attributes of functions, a pair as the last line', async () => {
    const path = writeNotebook(bench.folder, 'functions', [
      `${IMPORTS}\nFACTOR = 2\nVERBOSE = True\nhistory = []`,
      `def log(message, *values):
    if VERBOSE:
        print(message % values)
    history.append(message % values)

def load(path="churn.csv", rows=None):
    log("loading %s rows", rows)
    return pd.read_csv(path, nrows=rows)

def counted(function):
    def inner(*given, **named):
        inner.calls += 1
        return function(*given, **named)
    inner.calls = 0
    return inner

@counted
def double(column):
    return column * FACTOR

def counter():
    total = 0
    def bump(by=1):
        nonlocal total
        total += by
        return total
    return bump`,
      'df = load()\nsmall = load(rows=5)\nsame = load("churn.csv")\ndf["charge"] = double(df["charge"])\nbump = counter()\nbump(3)\nprint(double.calls, bump(), len(small))',
      SPLIT,
      `${FIT}\naccuracy = accuracy_score(y_test, pred)\naccuracy, len(history)`,
    ])
    const made = await bench.run(path)
    proved(made)
    const text = made.read('src/functions/features.py')
    assert.match(text, /def load\(path: Any="churn\.csv", rows: Any=None, \*, VERBOSE: bool, history: Any\)/)
    assert.match(text, /df = load\(path=churn_path, VERBOSE=VERBOSE, history=history\)/)
    assert.match(text, /small = load\(rows=5, path=churn_path, VERBOSE=VERBOSE/)
    assert.match(text, /same = load\(churn_path, VERBOSE=VERBOSE/)
    assert.match(made.read('src/functions/train.py'), /logger\.info\("%r", \(accuracy, len\(history\)\)\)/)
  })

  it('cells: waits, a main guard, an import that may fail, loops whose name is deleted, the file that describes itself', async () => {
    const path = writeNotebook(bench.folder, 'cells', [
      `"""What this is about."""\nimport asyncio\n${IMPORTS}\ntry:\n    import not_there_at_all as fast\n    FAST = True\nexcept ImportError:\n    FAST = False\nprint(__doc__)`,
      'async def fetch(path):\n    await asyncio.sleep(0)\n    return pd.read_csv(path)\n\ndf = await fetch("churn.csv")\ndf.shape',
      'for column in ["charge", "tenure"]:\n    df[column] = df[column].clip(1, 90)\ndel column\nif len(df) > 10:\n    note = "many"\nprint(note, FAST)',
      SPLIT,
      FIT,
      'if __name__ == "__main__":\n    wrong = (pred != y_test)\n    print("""wrong\n    ones""", int(wrong.sum()))\nprint(wrong.mean())',
    ])
    const made = await bench.run(path)
    proved(made)
    assert.match(made.read('src/cells/features.py'), /df = asyncio\.run\(fetch\(churn_path\)\)/)
    const train = made.read('src/cells/train.py')
    assert.match(train, /\n {4}wrong = \(pred != y_test\)\n/)
    assert.doesNotMatch(train, /__main__/)
  })

  it('reads the date without differing by it, and locks what is imported by others', async () => {
    const path = writeNotebook(bench.folder, 'dates', [
      `${IMPORTS}\nimport time`,
      `${LOAD}\ndf["charge"].plot(title=time.strftime("%H:%M:%S"))`,
      `${SPLIT}\nprint(time.ctime(), time.asctime(), time.localtime().tm_sec, time.strftime("%Y", time.gmtime(0)))`,
      FIT,
    ])
    const made = await bench.run(path)
    proved(made)
    found(made, 'D1', null, /imported while the code ran, and named by no import: .*matplotlib/)
    assert.match(made.read('requirements.lock'), /^matplotlib==\d/m)
    assert.match(made.read('src/dates/features.py'), /keep_figures\("cell_2"\)/)
  })

  it('says where what stays in its step reads a variable that is bound anew, and does not call it verified', async () => {
    const path = writeNotebook(bench.folder, 'late', [
      `${IMPORTS}\nfrom sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import FunctionTransformer`,
      `${LOAD}\nscale = df["charge"].std()\nscaled = FunctionTransformer(lambda part: part / scale)`,
      `${SPLIT}\nscale = 3.0`,
      'model = make_pipeline(scaled, LogisticRegression())\nmodel.fit(X_train, y_train)\npred = model.predict(X_test)',
    ])
    const made = await bench.run(path)
    assert.equal(made.code, 1)
    assert.match(made.report().proof.why, /^cell 4: /)
    found(made, 'D4', 2, /reads scale when it is called, and cell 3 binds scale anew/)
  })

  it('refuses waits that only a kernel does', async () => {
    const path = writeNotebook(bench.folder, 'waits', ['import asyncio\nawait asyncio.gather(asyncio.sleep(0))'])
    const ended = await bench.run(path, '--no-proof')
    assert.equal(ended.code, 2)
    assert.match(
      ended.said,
      /D9: cell 1, line 2: the cell waits \(await\) as only the kernel .* put it into an async function/,
    )
  })

  it('tells models that are only cross-validated from plots', async () => {
    const path = writeNotebook(bench.folder, 'crossed', [
      `${IMPORTS}\nfrom sklearn.model_selection import cross_val_score\n${LOAD}`,
      'print(cross_val_score(LogisticRegression(), df[["tenure"]], df["churn"]).mean())',
    ])
    const ended = await bench.run(path, '--no-proof')
    assert.match(ended.said, /model: cell 2: models are only cross-validated, and none of them is fitted to be kept/)
  })

  it('takes a script with figures that stay open, and one that guards its main part', async () => {
    const script = join(bench.folder, 'open.py')
    writeFileSync(
      script,
      `"""A script."""\n${IMPORTS}\nimport matplotlib.pyplot as plt\n# %%\nif __name__ == "__main__":\n    ${LOAD}\n    fig, ax = plt.subplots()\n    ax.plot(df["charge"])\n    fig.show()\n    X = df[["tenure", "charge"]]\n    model = LogisticRegression()\n    model.fit(X, df["churn"])\n    pred = model.predict(X)\n# %%\nimport sys\n`,
    )
    const made = await bench.run(script)
    proved(made)
  })

  it('functions that are called as those of a package: main, run, save, predict', async () => {
    const path = writeNotebook(bench.folder, 'own_names', [
      IMPORTS,
      'def main(path):\n    return pd.read_csv(path)\ndef run(table):\n    return table[["tenure", "charge"]] + 1\ndef save(part):\n    return part * 2\ndef predict(model, rows):\n    return model.predict_proba(rows)',
      'df = main("churn.csv")\nX = save(run(df))\nmodel = LogisticRegression().fit(X, df["churn"])',
      'p = predict(model, X)\nq = model.predict(save(run(df[:50])))',
    ])
    proved(await bench.run(path))
  })
})
