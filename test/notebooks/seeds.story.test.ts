/** D8: calls that draw by chance get the seed that they can take, and the proof runs the original with it too. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { found, proved } from './expectations.ts'
import { IMPORTS, LOAD, notebookBench, writeNotebook } from './notebooks.ts'

const bench = notebookBench()
after(bench.end)
const XY = 'X = df[["tenure", "charge"]]\ny = df["churn"]'

describe('slipway package seeds', { concurrency: 2 }, () => {
  it('estimators and splitters by the parameter that the installed library gives them', async () => {
    const path = writeNotebook(bench.folder, 'chance', [
      `${IMPORTS}\nimport sklearn.ensemble as ens\nfrom sklearn.model_selection import KFold, cross_val_score`,
      `${LOAD}\n${XY}`,
      'X_train, X_test, y_train, y_test = train_test_split(X, y,)',
      'plain = KFold(4)\nmixed = KFold(4, shuffle=True)\nscores = cross_val_score(LogisticRegression(solver="saga", random_state=None), X, y, cv=mixed)\nplainer = LogisticRegression(C=2)',
      'model = ens.RandomForestClassifier(5)\nmodel.fit(X_train, y_train)',
      'accuracy = accuracy_score(y_test, model.predict(X_test))\nprint("accuracy", accuracy)',
    ])
    const made = await bench.run(path)
    proved(made)
    const text = made.read('src/chance/features.py') + made.read('src/chance/train.py')
    assert.match(text, /train_test_split\(X, y, random_state=seed\)/)
    assert.match(text, /plain = KFold\(4\)\n/, 'a splitter that does not shuffle refuses a state')
    assert.match(text, /KFold\(4, shuffle=True, random_state=seed\)/)
    assert.match(text, /LogisticRegression\(solver="saga", random_state=seed\)/)
    assert.match(text, /C=2\)/, 'what draws nothing as it is asked stays')
    assert.match(text, /ens\.RandomForestClassifier\(5, random_state=seed\)/)
    found(made, 'D8', 5, /ens\.RandomForestClassifier may draw by chance/)
    assert.match(made.read('slipway.yaml'), /seed: 0/)
  })

  it('by the constant of the notebook where it has one', async () => {
    const path = writeNotebook(bench.folder, 'constant', [
      `${IMPORTS}\nRANDOM_STATE = 41`,
      `${LOAD}\n${XY}\nX_train, X_test, y_train, y_test = train_test_split(X, y)`,
      'model = LogisticRegression()\nmodel.fit(X_train, y_train)\nprint(model.predict(X_test)[:9])',
    ])
    const made = await bench.run(path)
    proved(made)
    assert.match(made.read('src/constant/features.py'), /train_test_split\(X, y, random_state=RANDOM_STATE\)/)
    assert.match(made.read('src/constant/train.py'), /set_seed\(config\.RANDOM_STATE\)/)
    assert.doesNotMatch(made.read('src/constant/config.py'), /^ {4}seed/m)
  })

  it('nothing that is drawn again and again, that the code seeds, or that is its own', async () => {
    const path = writeNotebook(bench.folder, 'again', [
      `${IMPORTS}\n\ndef RandomForest(n, random_state=None):\n    return LogisticRegression(C=n)`,
      `${LOAD}\n${XY}`,
      'means = []\nfor turn in range(3):\n    part, rest = train_test_split(df)\n    means.append(part["charge"].mean())\nprint(len(set(means)))',
      'more = [train_test_split(df)[0]["charge"].mean() for turn in range(3)]\nprint(len(set(more)))',
      'mine = RandomForest(2)',
      'np.random.seed(5)\nX_train, X_test, y_train, y_test = train_test_split(X, y)',
      'model = LogisticRegression()\nmodel.fit(X_train, y_train)\nprint(model.predict(X_test)[:9])',
    ])
    const made = await bench.run(path)
    proved(made)
    const text = made.read('src/again/features.py') + made.read('src/again/train.py')
    assert.doesNotMatch(text, /random_state=seed/)
    found(made, 'D8', 3, /nothing seeds train_test_split/)
    const printed = made.read('tests/test_golden.py')
    assert.match(printed, /\(3, "3"\)/, 'each turn of a loop draws another part')
    assert.match(printed, /\(4, "3"\)/)
  })

  it('and a package without that seed is found', async () => {
    const path = writeNotebook(bench.folder, 'lost_seed', [
      IMPORTS,
      `${LOAD}\n${XY}\nX_train, X_test, y_train, y_test = train_test_split(X, y)`,
      'model = LogisticRegression()\nmodel.fit(X_train, y_train)\nprint(model.predict(X_test)[:9])',
    ])
    const made = await bench.run(path, '--no-proof')
    const { writeFileSync } = await import('node:fs')
    const file = `${made.folder}/src/lost_seed/features.py`
    writeFileSync(file, made.read('src/lost_seed/features.py').replace(', random_state=seed', ', random_state=1'))
    const again = await bench.run(path, '--prove', made.folder)
    assert.equal(again.code, 1)
    assert.match(again.out, /not verified: cell 2: X_/)
  })
})
