/** The settings of slipway.yaml are part of the proof: it runs with them, and tells those that are no longer the ones that were proved. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { proved } from './expectations.ts'
import { IMPORTS, LOAD, notebookBench, WITHOUT_MLFLOW, writeNotebook } from './notebooks.ts'
import { testEnv } from '../python-env.ts'
import { findsEach, type Mutation } from './wrong-rewrites.ts'

const bench = notebookBench()
after(bench.end)

const CELLS = [
  `${IMPORTS}\nimport os`,
  "k = 2.5\nwhole = 3.0\ntiny = 1e-05\nlabel = 'charge'\nkeep = True",
  `${LOAD}\ndf["steep"] = df[label] * k + tiny\nprint(whole, os.environ.get("MODE", "plain"))`,
  'X = df[["tenure", "steep"]]\nmodel = LogisticRegression().fit(X, df["churn"])\npred = model.predict(X)',
]

const MUTATIONS: readonly Mutation[] = [
  ['a default that slipway.yaml hides', 'config', 'k: float = 2.5', 'k: float = 9.5'],
  ['another number', 'slipway.yaml', 'k: 2.5', 'k: 0'],
  ['a number that is nearly the one that was', 'slipway.yaml', 'k: 2.5', 'k: 2.5000001'],
  ['a whole number for a float', 'slipway.yaml', 'whole: 3.0', 'whole: 3'],
  ['a text for a number', 'slipway.yaml', 'k: 2.5', 'k: "2.5"'],
  ['another text', 'slipway.yaml', 'label: charge', 'label: tenure'],
  ['a setting that the package does not have', 'slipway.yaml', 'k: 2.5', 'kk: 2.5'],
  ['a variable of the environment', 'slipway.yaml', 'outputs:', 'env: {MODE: fast}\n      outputs:'],
  ['another function', 'slipway.yaml', 'settings.train:main', 'settings.train:run'],
  ['a command in its place', 'slipway.yaml', 'run: settings.train:main', 'run: [python, train.py]'],
  ['a file with a fault', 'slipway.yaml', 'pipeline:', 'pipelines:'],
  [
    'a step behind it that makes the model',
    'slipway.yaml',
    'model:\n  name: settings\n  from: train.model',
    '    tune: {run: settings.train:main, outputs: [other], inputs: {old: train.model}}\nmodel:\n  name: settings\n  from: tune.other',
  ],
  [
    'a step before it that gives it data',
    'slipway.yaml',
    '    train:\n      run: settings.train:main',
    '    load: {run: settings.train:main, outputs: [table]}\n    train:\n      inputs: {df_path: load.table}\n      run: settings.train:main',
  ],
]

describe('the settings of a project', () => {
  it(`are what the proof runs with: each of ${MUTATIONS.length} changes of slipway.yaml is found`, async () => {
    await findsEach(bench, { name: 'settings', cells: CELLS, mutations: MUTATIONS, packages: WITHOUT_MLFLOW })
  })

  it('are in the report; the command names each that was changed since, and what else was', async () => {
    const python = await testEnv(WITHOUT_MLFLOW)
    const file = writeNotebook(bench.folder, 'settings', CELLS)
    const made = await bench.run(file, '--python', python)
    proved(made)
    const { settings, step, inputs, project } = made.report()
    assert.deepEqual(settings, { k: '2.5', whole: '3.0', tiny: '1e-05', label: "'charge'", keep: 'True', seed: '0' })
    assert.deepEqual(step?.params, {
      k: '2.5',
      whole: '3.0',
      tiny: '0.00001',
      label: '"charge"',
      keep: 'true',
      seed: '0',
    })
    assert.match(inputs['churn_path'] ?? inputs['df_path'] ?? '', /^sha256:/)
    assert.deepEqual(Object.keys(project), ['requirements.lock', 'pyproject.toml'])
    const edit = (path: string, from: string | RegExp, to: string): void => {
      const text = readFileSync(join(made.folder, path), 'utf8')
      assert.notEqual(text.replace(from, to), text)
      writeFileSync(join(made.folder, path), text.replace(from, to))
    }
    edit('slipway.yaml', 'k: 2.5', 'k: 0')
    edit('slipway.yaml', 'requirements: requirements.lock', 'pyproject: pyproject.toml')
    edit('pyproject.toml', 'pandas==1.5.3', 'pandas==1.0.0')
    edit('data/churn.csv', 'family', 'Family')
    edit('src/settings/predict.py', '"""', '"""Well. ')
    const again = await bench.run(file, '--python', python, '--prove', made.folder)
    assert.equal(again.code, 1)
    for (const said of [
      /^Proof: not verified: cell 3: df/m,
      /^Changed since the proof before: setting k: proved with 2\.5, now 0$/m,
      /^Changed since the proof before: package pandas: proved with 1\.5\.3, now 1\.0\.0$/m,
      /^Changed since the proof before: step python: proved with .*requirements\.lock.*, now .*pyproject\.toml/m,
      /^Changed since the proof before: package scipy: proved with 1\.10\.1, now none$/m,
      /^Changed since the proof before: file pyproject\.toml: /m,
      /^Changed since the proof before: data data\/churn\.csv: proved with another file, now sha256:/m,
      /^Changed since the proof before: code settings\/predict\.py: /m,
    ])
      assert.match(again.out, said)
  })

  it('are read by the modules that the pipeline imports: those beside src come first, in the proof too, and are named', async () => {
    const python = await testEnv(WITHOUT_MLFLOW)
    const file = writeNotebook(bench.folder, 'settings', CELLS)
    const made = await bench.run(file, '--python', python)
    proved(made)
    mkdirSync(join(made.folder, 'settings'))
    writeFileSync(join(made.folder, 'settings/__init__.py'), '__path__.append(f"{__path__[0]}/../src/settings")\n')
    const text = readFileSync(join(made.folder, 'src/settings/features.py'), 'utf8')
    assert.match(text, /\* k/)
    writeFileSync(join(made.folder, 'settings/features.py'), text.replaceAll('* k', '+ k'))
    const again = await bench.run(file, '--python', python, '--prove', made.folder)
    assert.equal(again.code, 1)
    assert.match(again.out, /^Proof: not verified/m)
    assert.match(again.out, /code \.\.\/settings\/__init__\.py: proved with none, now sha256:/)
  })
})
