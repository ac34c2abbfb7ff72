/** Secrets that only the words beside them give away: they are listed, stand in no file of the package, and it is proved all the same. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { proved } from './expectations.ts'
import { IMPORTS, LOAD, cell, notebookBench, putTable, v4, type Packaged } from './notebooks.ts'

const bench = notebookBench()
after(bench.end)
const FIT = 'X = df[["charge"]]\nmodel = LogisticRegression().fit(X, df["churn"])\np = model.predict(X)'

function said(text: string): object {
  return { output_type: 'stream', name: 'stdout', text: [`${text}\n`] }
}

/** Holds that no file and no line of the command has one of these. */
function assertNowhere(made: Packaged, secrets: readonly string[]): void {
  const files = readdirSync(made.folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  assert.ok(files.length > 5)
  const texts = files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8'))
  for (const [at, text] of [...texts, made.out, made.said].entries())
    for (const secret of secrets) assert.ok(!text.includes(secret), `${secret} in ${files[at]?.name ?? 'what is said'}`)
}

describe('slipway package takes out secrets by their names', { concurrency: 2 }, () => {
  it('in comments, docstrings, headings, and outputs of every kind', async () => {
    const path = join(bench.folder, 'named.ipynb')
    putTable(bench.folder)
    const shown = { output_type: 'display_data', metadata: {}, data: { 'text/html': ['<b>token</b>: Html-t0ken-88'] } }
    const failed = {
      output_type: 'error',
      ename: 'ValueError',
      evalue: 'no',
      traceback: ['\u001b[31mpassword\u001b[0m\u001b[34m=\u001b[0m"Trac3back-9"\u001b[0m'],
    }
    const whole = v4([
      cell(`# old password: Tr0ub4dor-and-3\n# password = "Wint3rIsHere!"\n${IMPORTS}`),
      { cell_type: 'markdown', metadata: {}, source: '# Load, password: M4rkdown-pw' },
      cell(`# DB_PASSWORD=Summ3r2024x\n# api_key: "a&b<c>\\"1"\n${LOAD}\nprint("rows", len(df))`, {
        outputs: [said('password: s3cr3t-in-output 7\nrows 300'), shown, failed],
      }),
      cell(`def twice(x):\n    """Twice; secret: D0cstring-77."""\n    return x * 2\nprint(twice(21))  # as before`, {
        outputs: [said('connected, db password=Gr4nite-77x port 5432\n42')],
      }),
      cell(FIT),
    ])
    writeFileSync(path, JSON.stringify(whole))
    const made = await bench.run(path)
    proved(made)
    const { rotate, findings } = made.report()
    assert.deepEqual(rotate.toSorted(), [
      'A_COMMENT_OF_CELL_1',
      'A_COMMENT_OF_CELL_1_2',
      'A_COMMENT_OF_CELL_2',
      'A_COMMENT_OF_CELL_2_2',
      'A_DOCSTRING_OF_CELL_3',
      'TEXT_CELL_2',
      'THE_OUTPUTS_OF_CELL_2',
      'THE_OUTPUTS_OF_CELL_2_2',
      'THE_OUTPUTS_OF_CELL_2_3',
      'THE_OUTPUTS_OF_CELL_3',
    ])
    assert.equal(findings.filter(({ code }) => code === 'D7').length, 8)
    assertNowhere(made, [
      'Tr0ub4dor',
      'Wint3rIsHere',
      'Summ3r2024x',
      'a&b<c>',
      'a&amp;b',
      'M4rkdown',
      'm4rkdown',
      'D0cstring',
      's3cr3t-in-output',
      'Html-t0ken',
      'Trac3back',
      'Gr4nite',
    ])
    assert.match(made.read('src/named/features.py'), /# DB_PASSWORD=<A_COMMENT_OF_CELL_2>/)
    const golden = made.read('tests/test_golden.py')
    assert.match(golden, /rows 300/)
    assert.match(golden, /42/)
    assert.doesNotMatch(golden, /port 5432|password/)
  })

  it('in texts of the code: what is printed and given on is the same', async () => {
    const path = join(bench.folder, 'texts.ipynb')
    putTable(bench.folder)
    const whole = v4([
      cell(
        `# the token is not used: token = "Unus3d-token-1"\n${IMPORTS}\nDSN = "host=db password=Gr4nite-77x port=5432"`,
      ),
      cell(`${LOAD}\nprint("password: s3cr3t-in-output", 7)\nparts = DSN.split()\nsame = len("Unus3d-token-1")`),
      cell(FIT),
    ])
    writeFileSync(path, JSON.stringify(whole))
    const made = await bench.run(path)
    proved(made)
    assert.deepEqual(made.report().rotate, ['DSN', 'SECRET', 'SECRET_2'])
    assertNowhere(made, ['Gr4nite', 's3cr3t-in-output', 'Unus3d'])
    assert.match(made.read('slipway.yaml'), /secrets:\s+- DSN\s+- SECRET\s+- SECRET_2/)
  })

  it('in addresses that are read, and of a script, in the marks above its cells', async () => {
    const path = join(bench.folder, 'script.py')
    putTable(bench.folder)
    const read = 'def later():\n    return pd.read_csv("https://me:hunter2hunter2@example.org/x.csv")'
    const asked = 'def other():\n    return pd.read_csv("https://example.org/x.csv?token=Abcd1234efgh")'
    const placeholder = '# postgres://me:pass@db, postgres://{user}:{word}@db\ndef nothing():\n    pass'
    writeFileSync(
      path,
      `${IMPORTS}\n${read}\n${asked}\n${placeholder}\n# %% Load, password: M4rk-of-cell\n${LOAD}\n# %%\n${FIT}\n`,
    )
    const made = await bench.run(path, '--no-proof')
    assert.equal(made.code, 0, made.said)
    assertNowhere(made, ['hunter2', 'Abcd1234', 'M4rk', 'm4rk'])
    assert.match(
      made.read('src/script/features.py'),
      /\{user\}:\{word\}@db\ndef nothing\(\)[^:]*:\n(?:    """.*\n)?    pass\n/,
    )
  })
})
