/** `slipway validate`: all faults of a file at once, each with its line, and nothing else: no server, no writing. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { usage } from '../run-command.fixture.ts'
import type { Said } from '../run-command.fixture.ts'
import { projectsOf } from './projects.fixture.ts'

const { project, validate } = projectsOf('validate')

const GOOD = `project: fine
pipeline:
  steps:
    load: {run: job:load, outputs: [table]}
    fit: {run: job:fit, inputs: {table: load.table}}
`
const WATCHED = `project: fine
pipeline:
  steps:
    load: {run: job:load, outputs: [table], params: {until: "2026-01-01", ids: []}}
    fit: {run: job:fit, inputs: {table: load.table}, params: {rate: "1"}, outputs: [model]}
model:
  name: m
  from: fit.model
endpoint: {name: e}
monitor:
  reference: load.tabl
  retrain:
    prepare: {until: "{until}"}
    load:
      untill: "{until}"
      ids: many
    fit:
      rate: "{until_30d}"
`
const CODE = 'def load(table): pass\ndef fit(table): pass\n'

describe('slipway validate', () => {
  it('says that a file can be run, by its folder or by its name, and leaves nothing behind', async (t) => {
    const temporary = mkdtempSync(join(tmpdir(), 'slipway-test-validate-'))
    const before = process.env['TMPDIR']
    process.env['TMPDIR'] = temporary
    t.after(() => {
      if (before === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = before
      rmSync(temporary, { recursive: true })
    })
    const folder = project({ 'slipway.yaml': GOOD, 'job.py': CODE, 'data/large.csv': 'x'.repeat(3_000_000) })
    for (const given of [folder, join(folder, 'slipway.yaml')]) {
      const { code, lines, data } = await validate(given)
      assert.deepEqual([code, lines], [0, ['slipway.yaml can be run: 2 steps']])
      assert.deepEqual(data, [{ file: join(folder, 'slipway.yaml'), valid: true, faults: [], warnings: [] }])
    }
    assert.deepEqual(readdirSync(folder).toSorted(), ['data', 'job.py', 'slipway.yaml'])
    assert.deepEqual(readdirSync(temporary), [])
  })

  const faulty: readonly (readonly [what: string, yaml: string, lines: readonly RegExp[]])[] = [
    [
      'keys and values, all at once',
      'project: "?"\npipeline:\n  steps:\n    one:\n      run: job\n      timeout: soon\n      chache: never\n      seed: -1\n',
      [
        /^slipway\.yaml:1: project: got "\?", expected letters/,
        /^slipway\.yaml:5: pipeline\.steps\.one\.run: got "job", expected module:function/,
        /^slipway\.yaml:6: pipeline\.steps\.one\.timeout: got "soon", expected a duration/,
        /^slipway\.yaml:7: pipeline\.steps\.one\.chache: unknown key; did you mean "cache"\?/,
        /^slipway\.yaml:8: pipeline\.steps\.one\.seed: got -1, expected at least 0/,
      ],
    ],
    [
      'references between steps',
      GOOD.replace('load.table', 'load.tabel') + '    late: {run: job:fit, after: [nobody]}\n',
      [/^slipway\.yaml:5: .*tabel/, /^slipway\.yaml:6: .*nobody/],
    ],
    [
      'modules and functions that the code does not have',
      GOOD.replace('job:load', 'job:loda').replace('job:fit', 'job.more:fit'),
      [/^slipway\.yaml:4: .*job\.py defines no "loda"/, /^slipway\.yaml:5: .*has no job\/more\.py/],
    ],
    [
      'faults of file, code and packages together',
      GOOD.replace('job:load', 'job:loda').replace('load.table', 'load.tabel') +
        'python:\n  requirements: nowhere.txt\n',
      [
        /^slipway\.yaml:4: .*defines no "loda"/,
        /^slipway\.yaml:5: .*tabel/,
        /^slipway\.yaml:7: python\.requirements: .*nowhere\.txt/,
      ],
    ],
    [
      'names in the settings of the monitor',
      WATCHED,
      [
        /^slipway\.yaml:11: monitor\.reference: .*"load" has no output "tabl".*did you mean "load\.table"\?/,
        /^slipway\.yaml:13: monitor\.retrain\.prepare: there is no step "prepare"; the steps are load, fit$/,
        /^slipway\.yaml:15: monitor\.retrain\.load\.untill: step "load" has no param "untill": its params are until, ids; did you mean "until"\?$/,
        /^slipway\.yaml:16: monitor\.retrain\.load\.ids: got "many", expected a list, as the project file declares it/,
        /^slipway\.yaml:18: monitor\.retrain\.fit\.rate: got "\{until_30d\}", expected "\{until\}", "\{until-30d\}"/,
      ],
    ],
    [
      'a reference that names no step',
      WATCHED.slice(0, WATCHED.indexOf('  retrain')).replace('load.tabl\n', 'load\n'),
      [/^slipway\.yaml:11: monitor\.reference: got "load", expected STEP\.OUTPUT/],
    ],
    ['what is no YAML', 'project: [\n', [/^slipway\.yaml:\d: not valid YAML: /]],
    ['an empty file', '', [/^slipway\.yaml:1: expected keys such as/]],
    [
      'packages that are asked for by a file that is not there',
      `${GOOD}python: {requirements: nowhere.txt}\n`,
      [/^slipway\.yaml:6: python\.requirements: .*nowhere\.txt/],
    ],
  ]
  for (const [what, yaml, expected] of faulty)
    it(`names ${what}`, async () => {
      const { code, lines, data } = await validate(project({ 'slipway.yaml': yaml, 'job.py': CODE }))
      assert.equal(code, 1)
      assert.equal(lines.length, expected.length + 1, lines.join('\n'))
      for (const [at, pattern] of expected.entries()) assert.match(lines[at] ?? '', pattern)
      assert.equal(lines.at(-1), `${expected.length} ${expected.length === 1 ? 'fault' : 'faults'}`)
      const [{ valid, faults } = { valid: true, faults: [] }] = data as { valid: boolean; faults: { line: number }[] }[]
      assert.deepEqual([valid, faults.length], [false, expected.length])
      assert.ok(faults.every(({ line }) => line >= 1))
    })

  it('tells what the reader of the code should know', async () => {
    const folder = project({
      'slipway.yaml': GOOD,
      'job.py': `import importlib\nimportlib.import_module(input())\n${CODE}`,
    })
    const { code, lines } = await validate(folder)
    assert.equal(code, 0)
    assert.match(lines[0] ?? '', /^note: .*job\.py/)
  })

  it('names lists of packages and rules of what is left out that are no text', async () => {
    const odd = Buffer.from('six\n# café\n', 'latin1')
    for (const [file, says] of [
      ['requirements.txt', 'slipway.yaml:1: requirements.txt:2: got byte 0xe9, expected text in UTF-8'],
      ['.slipwayignore', 'slipway.yaml:1: .slipwayignore:2: got byte 0xe9, expected text in UTF-8'],
    ] as const) {
      const { code, lines } = await validate(project({ 'slipway.yaml': GOOD, 'job.py': CODE, [file]: odd }))
      assert.deepEqual([code, lines], [1, [says, '1 fault']])
    }
  })

  it('notes addresses whose secret stands in the file, and shows none', async () => {
    const watched = (webhook: string): string =>
      `${WATCHED.slice(0, WATCHED.indexOf('  reference'))}  webhook: ${webhook}
  webhooks: [{name: chat, url: "https://hooks.example.com/T0/secret-word"}, {name: ops, url: "$SLIPWAY_WEBHOOK_OPS"}]
`
    const { code, lines, data } = await validate(
      project({ 'slipway.yaml': watched('"https://ada:secret-word@pager.example.com/"'), 'job.py': CODE }),
    )
    const rest =
      'whose hidden part is a secret that everybody who reads this file or a copy of it has; expected "$SLIPWAY_WEBHOOK_NAME", a variable of the server that holds it'
    assert.deepEqual(
      [code, lines],
      [
        0,
        [
          `note: monitor.webhook: got https://pager.example.com/***, ${rest}`,
          `note: monitor.webhooks "chat": got https://hooks.example.com/***, ${rest}`,
          'slipway.yaml can be run: 2 steps',
        ],
      ],
    )
    assert.doesNotMatch(JSON.stringify(data), /secret-word/)
    const named = watched('$SLIPWAY_WEBHOOK_PAGER').replace(
      'https://hooks.example.com/T0/secret-word',
      'https://alerts.example.com/',
    )
    assert.deepEqual((await validate(project({ 'slipway.yaml': named, 'job.py': CODE }))).lines, [
      'slipway.yaml can be run: 2 steps',
    ])
  })

  it('says of names that only others know who can tell', async () => {
    const later = `${WATCHED.slice(0, WATCHED.indexOf('  reference'))}  derived: [x]
  same_unit: [[y, z]]
  slices: [c]
  retrain: {load: {until: "{until-30d}", ids: "{bad_rows}"}}
`.replace(
      'from: fit.model',
      'from: fit.model\n  gates: [{metric: auc, at_least: 0.5, slice: s}, {metric: auc, not_worse_than: production}]',
    )
    const { code, lines } = await validate(project({ 'slipway.yaml': later, 'job.py': CODE }))
    assert.deepEqual(
      [code, lines],
      [
        0,
        [
          'note: not checked here: monitor.derived "x"; monitor.same_unit "y", "z"; monitor.slices "c"; only the inputs of a registered version can tell',
          'note: not checked here: model.gates slice "s"; only the predictions of a run can tell',
          'note: not checked here: model.gates metric "auc"; only the metrics of a run can tell',
          'note: not checked here: model.gates not_worse_than "production"; only the server can tell',
          'slipway.yaml can be run: 2 steps',
        ],
      ],
    )
  })

  it('takes a file of another name', async () => {
    const folder = project({ 'other.yaml': GOOD, 'job.py': CODE })
    assert.deepEqual((await validate(join(folder, 'other.yaml'))).lines, ['other.yaml can be run: 2 steps'])
    await assert.rejects(validate(folder), usage(/there is no slipway\.yaml in .*; slipway init makes one/))
    await assert.rejects(validate(join(folder, 'nowhere')), usage(/nowhere does not exist/))
  })

  it('refuses a module that is nowhere, and notes one that must come from a package', async () => {
    const text = (python: string): string =>
      `project: p\n${python}pipeline:\n  steps:\n    a: {run: "nomod:main"}\n    b: {run: "json:dumps", seed: 1}\n`
    const bare = await validate(project({ 'slipway.yaml': text(''), 'job.py': CODE }))
    assert.deepEqual(
      [bare.code, bare.lines],
      [
        1,
        [
          'slipway.yaml:4: pipeline.steps.a.run: got "nomod:main", and the project has no nomod.py, asks for no packages, and Python brings none of that name',
          '1 fault',
        ],
      ],
    )
    const packaged = await validate(project({ 'slipway.yaml': text('python: {packages: [six]}\n'), 'job.py': CODE }))
    assert.deepEqual(
      [packaged.code, packaged.lines[0]],
      [0, 'note: not checked here: run "nomod:main"; only the environment can tell'],
    )
  })

  const broken: readonly (readonly [what: string, code: string | Buffer, says: RegExp])[] = [
    [
      'a bracket that is not closed',
      `${CODE}x = (1,\n\ny = 2\n`,
      /^job\.py:3: got "x = \(1,", expected code of Python \('\(' was never closed, says Python 3\.\d+\.\d+\S*\)$/,
    ],
    [
      'a colon that is missing',
      'def load(table): pass\ndef fit(table)\n  pass\n',
      /^job\.py:2: got "def fit\(table\)", expected code of Python \(.*':'/,
    ],
    [
      'an indent that fits none',
      `${CODE}if True:\n    a = 1\n  b = 2\n`,
      /^job\.py:5: got "b = 2", expected code of Python \(unindent/,
    ],
    [
      'what only the compiler sees',
      `${CODE}return 1\n`,
      /^job\.py:3: got "return 1", expected code of Python \('return' outside function/,
    ],
    [
      'bytes that are no UTF-8',
      Buffer.concat([Buffer.from(`${CODE}# caf`), Buffer.from([0xe9, 10])]),
      /^job\.py:3: got "byte 0xe9", expected text in UTF-8$/,
    ],
    [
      'an encoding that nobody knows',
      `# coding: latin-17\n${CODE}`,
      /^job\.py:1: got "unknown encoding: latin-17", expected text in UTF-8$/,
    ],
    ['a zero byte', `${CODE}x = "\0"\n`, /^job\.py:\d: got .*expected code of Python \(.*null byte/],
  ]
  for (const [what, code, says] of broken)
    it(`names ${what} in a module, beside faults of the project file`, async () => {
      const [good, bad] = [
        await validate(project({ 'slipway.yaml': GOOD, 'job.py': code })),
        await validate(project({ 'slipway.yaml': GOOD.replace('load.table', 'load.tabel'), 'job.py': code })),
      ]
      const told = ({ lines }: Said): string[] => lines.filter((line) => !line.startsWith('note: '))
      assert.deepEqual([good.code, told(good).length, told(good)[1]], [1, 2, '1 fault'])
      assert.match(good.lines[0] ?? '', says)
      const [{ valid, faults } = { valid: true, faults: [] }] = good.data as { valid: boolean; faults: object[] }[]
      assert.deepEqual([valid, faults.length], [false, 1])
      assert.deepEqual([bad.code, told(bad).length, told(bad)[2]], [1, 3, '2 faults'])
      assert.match(bad.lines[0] ?? '', /^slipway\.yaml:5: .*tabel/)
      assert.match(bad.lines[1] ?? '', says)
    })

  it('looks at what a step imports or runs, notes what one may load, and leaves the rest alone', async () => {
    const wrong = 'def (:\n'
    const files = {
      'slipway.yaml': GOOD,
      'job.py': `import parts.deep\n${CODE}`,
      'parts/deep.py': wrong,
      'old.py': wrong,
    }
    const imported = await validate(project(files))
    assert.match(
      imported.lines.join('\n'),
      /^parts\/deep\.py:1: got "def \(:", expected code of Python \([^\n]*\n1 fault$/,
    )
    const followed = await validate(
      project({
        ...files,
        'job.py': `import importlib\nimportlib.import_module(input())\n${CODE}`,
        'parts/deep.py': '',
      }),
    )
    assert.equal(followed.code, 0)
    assert.match(
      followed.lines.join('\n'),
      /^note: old\.py:1: got "def \(:", .*; whether a step loads it cannot be told$/m,
    )
    const command = GOOD.replace('run: job:fit', 'run: [python, ./old.py]')
    const run = await validate(project({ ...files, 'slipway.yaml': command, 'parts/deep.py': '' }))
    assert.deepEqual([run.code, run.lines.some((line) => line.startsWith('old.py:1: got "def (:"'))], [1, true])
  })

  it('runs none of the code, and takes an encoding that Python knows', async () => {
    const folder = project({
      'slipway.yaml': GOOD,
      'job.py': Buffer.concat([
        Buffer.from('# coding: latin-1\nname = "caf'),
        Buffer.from([0xe9]),
        Buffer.from(`"\nopen("made", "w")\n${CODE}`),
      ]),
    })
    assert.equal((await validate(folder)).code, 0)
    assert.deepEqual(readdirSync(folder).toSorted(), ['job.py', 'slipway.yaml'])
  })

  it('says where nobody here can tell whether the code compiles', async () => {
    const text = `${GOOD}python: {requires: "==3.99.*"}\n`
    const { code, lines } = await validate(project({ 'slipway.yaml': text, 'job.py': `${CODE}def (:\n` }))
    assert.equal(code, 0)
    assert.ok(
      lines.includes('note: not checked here: whether the code compiles; this machine has no Python ==3.99.*'),
      lines.join('\n'),
    )
  })

  it('names the line of a project file at which it is no UTF-8, and what else is wrong', async () => {
    const text = GOOD.replace('[table]}', '[table]} # café').replace('load.table', 'load.tabel')
    const { code, lines } = await validate(project({ 'slipway.yaml': Buffer.from(text, 'latin1'), 'job.py': CODE }))
    assert.deepEqual([code, lines.length], [1, 3])
    assert.match(lines[1] ?? '', /^slipway\.yaml:5: .*tabel/)
    assert.equal(lines[0], 'slipway.yaml:4: got byte 0xe9, expected text in UTF-8')
  })

  it('tells faults of the form, of names, of code and of packages at once', async () => {
    const text = `project: p
python: {requirements: gone.txt, colour: red}
pipeline:
  steps:
    a: {run: "job:gone", seed: -1, outputs: [o]}
    b: {run: "nomod:main", inputs: {x: a.q}}
model: {name: m, from: c.o, gates: [{metric: x, at_least: 1, at_most: 0}]}
`
    const { code, lines } = await validate(project({ 'slipway.yaml': text, 'job.py': CODE }))
    assert.equal(code, 1)
    assert.deepEqual(
      lines.map((one) => /^slipway\.yaml:\d+: [\w.]+/.exec(one)?.[0] ?? one),
      [
        'slipway.yaml:2: python.colour',
        'slipway.yaml:2: python.requirements',
        'slipway.yaml:5: pipeline.steps.a.seed',
        'slipway.yaml:5: pipeline.steps.a.run',
        'slipway.yaml:6: pipeline.steps.b.inputs.x',
        'slipway.yaml:7: model.gates.0',
        'slipway.yaml:7: model.from',
        '7 faults',
      ],
    )
  })
})
