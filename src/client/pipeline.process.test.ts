/** The builder of pipelines in TypeScript: right programs compile and say their slipway.yaml, wrong ones do not compile. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, describe, it } from 'node:test'
import { and, float, not, or, partition, pipeline, type Output, type Value } from './pipeline.ts'

const CHECKOUT = resolve(import.meta.dirname, '../..')
const TSC = join(CHECKOUT, 'node_modules/typescript/bin/tsc')
const BUILDER = join(import.meta.dirname, 'pipeline.ts')

const folder = mkdtempSync(join(tmpdir(), 'slipway-builder-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** A program whose steps are right, around lines of its own. */
const around = (lines: string, sections = '{}'): string => `import { and, float, not, pipeline } from 'slipway/pipeline'
export const said = [and, float, not]
export default pipeline('p', ${sections}, (p) => {
  const rate = p.param('rate', { type: 'float', default: 0.1, min: 0, max: 1 })
  const mode = p.param('mode', { type: 'choice', choices: ['full', 'quick'], default: 'full' })
  const ids = p.param('ids', { type: 'list', of: 'int', default: [1, 2] })
  const load = p.step('load', { run: 'a:load', params: { rate, n: 10n ** 20n, share: float(1) }, outputs: ['table', 'notes'], timeout: '30m' })
  const fit = p.each('fit', { item: ids, at_once: 2 }, (item) => ({ run: 'a:fit', inputs: { table: load.outputs.table }, params: { id: item, part: item.part('x') }, outputs: ['model'] }))
  ${lines}
})
`

/** What is wrong, and the code of the error that the compiler has to have for the line. */
const WRONG: readonly (readonly [what: string, line: string, code: RegExp, sections?: string])[] = [
  ['an output that the step does not have', 'load.outputs.tabel', /TS2551.*'tabel' does not exist/],
  [
    'an output of a step that names none',
    "p.step('x', { run: 'a:b' }).outputs.model",
    /TS2339.*'model' does not exist/,
  ],
  ['an output of a step with items', 'fit.outputs.modle', /TS2551.*'modle'/],
  [
    'a column that rows do not have',
    "p.each('x', { rows: p.source('s', {}), columns: { day: 'string' } }, (row) => ({ run: 'a:b', params: { d: row.part('dya') } }))",
    /TS2345.*"dya"/,
  ],
  [
    'a type that columns do not have',
    "p.each('x', { rows: p.source('s', {}), columns: { day: 'text' } }, (row) => ({ run: 'a:b', params: { d: row } }))",
    /TS2769/,
  ],
  ['a metric of a step with items', "fit.metric('auc')", /TS2339.*'metric'/],
  ['a key that steps do not have', "p.step('x', { run: 'a:b', timeot: '1h' })", /TS2561.*timeot/],
  ['a step in place of its output', "p.step('x', { run: 'a:b', inputs: { load } })", /TS2\d+/],
  ['a text in place of an output', "p.step('x', { run: 'a:b', inputs: { table: 'load.table' } })", /TS2322.*'string'/],
  ['an output as a param', "p.step('x', { run: 'a:b', params: { table: load.outputs.table } })", /TS2\d+/],
  ['a choice that is none', "mode.eq('fast')", /TS2345.*"fast"/],
  ['a param compared with another type', "rate.eq('a')", /TS2345.*string/],
  ['an order of texts', "mode.lt('full')", /TS2684/],
  ['a default of another type', "p.param('x', { type: 'int', default: 'one' })", /TS2769/],
  ['a default that is no choice', "p.param('x', { type: 'choice', choices: ['a', 'b'], default: 'c' })", /TS2769/],
  ['bounds of a text', "p.param('x', { type: 'string', min: 1 })", /TS2769/],
  ['an unknown cause of retries', "p.step('x', { run: 'a:b', retries: { usr: 1 } })", /TS2561.*usr/],
  ['an entry without a function', "p.step('x', { run: 'module' })", /TS2322/],
  ['a condition that is a truth', "p.step('x', { run: 'a:b', when: true })", /TS2322.*true/],
  ['a date as a param', "p.step('x', { run: 'a:b', params: { until: new Date() } })", /TS2322/],
  ['a model that may be skipped', 'return load.outputs.table.optional()', /TS2322|TS2345|TS2741|TS2739/],
  ['a trigger without what it watches', '', /TS2\d+/, "{ triggers: { a: { on: 'alias', model: 'm' } } }"],
  ['a period that is none', '', /TS2\d+/, "{ partitions: { by: 'year', start: '2026-01-01' } }"],
  ['a section that is none', '', /TS2561.*shedule/, "{ shedule: { cron: '0 4 * * *' } }"],
]

describe('the types of the builder', () => {
  it('take what is right and refuse what is wrong, at its line', () => {
    const right = around(
      `p.step('last', { run: ['python', 'x.py'], inputs: { all: fit.outputs.model, notes: load.outputs.notes.optional() },
    after: [load, fit], when: and(load.metric('auc').ge(0.5), not(mode.in(['quick'])), load.outputs.table.size.gt(0)) })
  return load.outputs.table`,
      "{ model: { name: 'm' } }",
    )
    writeFileSync(join(folder, 'right.ts'), right)
    const guide = readFileSync(join(CHECKOUT, 'docs/guides/pipelines.md'), 'utf8')
    const [, shown = ''] = /```typescript\n(.*?)```/s.exec(guide) ?? []
    assert.match(shown, /slipway\/pipeline/)
    writeFileSync(join(folder, 'right-guide.ts'), shown)
    copyFileSync(join(CHECKOUT, 'examples/readings/readings.ts'), join(folder, 'right-example.ts'))
    for (const [i, [, line, , sections]] of WRONG.entries())
      writeFileSync(join(folder, `wrong${i}.ts`), around(line, sections))
    const options = {
      target: 'es2022',
      module: 'nodenext',
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      types: [],
      paths: { 'slipway/pipeline': [BUILDER] },
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['*.ts'] }))
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
    const found = compiled().split('\n')
    assert.deepEqual(
      found.filter((line) => line.startsWith('right') || line.includes('src/client')),
      [],
    )
    for (const [i, [what, , code, sections]] of WRONG.entries()) {
      const own = found.filter((line) => line.startsWith(`wrong${i}.ts(`))
      assert.ok(
        own.some((one) => code.test(one)),
        `${what}: ${own.join('\n')}`,
      )
      // what the function returns is told where it begins
      const at = what.startsWith('a model') || sections !== undefined ? '3' : '9'
      assert.deepEqual([...new Set(own.map((one) => /\((\d+),/.exec(one)?.[1]))], [at], `${what}: ${own.join('\n')}`)
    }
  })

  function compiled(): string {
    try {
      return execFileSync(process.execPath, [TSC, '-p', folder, '--pretty', 'false'], { encoding: 'utf8', cwd: folder })
    } catch (error) {
      return (error as { stdout: string }).stdout
    }
  }
})

describe('what the builder says', () => {
  it('is a project file', () => {
    const said = pipeline(
      'p',
      { python: { packages: [] }, salt: 's', model: { name: 'm', gates: [{ signature: 'compatible' }] } },
      (p) => {
        const rate = p.param('rate', { type: 'float', default: 1, max: 2 })
        const a = p.step('a-b', {
          run: 'm:a',
          outputs: ['o'],
          params: { rate, one: float(1), big: 2n ** 70n, odd: '\u2028\ud800' },
        })
        const raw = p.source('raw', { file: '/srv/raw.csv', table: 'csv' })
        const each = p.each('e', { range: [1, 3] }, (item) => ({ run: 'm:e', outputs: ['o'], params: { n: item } }))
        const orders = p.source('orders', { sql: { database: 'DB', query: 'SELECT 1 AS n' } })
        p.each('rows', { rows: orders, columns: { n: 'int' } }, (row) => ({
          run: 'm:r',
          params: { n: row.part('n'), row },
        }))
        p.each('files', { files: raw }, (file) => ({
          run: 'm:f',
          inputs: { csv: raw.eachFile() },
          params: { path: file.part('path') },
        }))
        const condition = and(or(a.metric('x/y').gt(0.5), rate.eq(1)), not(and(a.outputs.o.files.eq(1), rate.ne(rate))))
        p.step('c', {
          run: ['x', 1],
          inputs: { i: a.outputs.o.optional(), all: each.outputs.o, raw },
          after: [a],
          when: condition,
        })
        return a.outputs.o
      },
    )
    assert.equal(
      said.toYaml(),
      `project: "p"
python:
  packages: []
model:
  name: "m"
  gates: [{"signature": "compatible"}]
  from: "a-b.o"
pipeline:
  params:
    rate:
      type: "float"
      default: 1
      max: 2
  steps:
    a-b:
      run: "m:a"
      outputs: ["o"]
      params: {"rate": "{params.rate}", "one": 1.0, "big": 1180591620717411303424, "odd": "\\u2028\\ud800"}
    e:
      run: "m:e"
      params: {"n": "{item}"}
      outputs: ["o"]
      for_each: {"range": [1, 3]}
    rows:
      run: "m:r"
      params: {"n": "{item.n}", "row": "{item}"}
      outputs: []
      for_each: {"rows": "sources.orders", "columns": {"n": "int"}}
    files:
      run: "m:f"
      inputs: {"csv": "sources.raw[item]"}
      params: {"path": "{item.path}"}
      outputs: []
      for_each: {"files": "sources.raw"}
    c:
      run: ["x", 1]
      inputs: {"i": "a-b.o?", "all": "e.o[*]", "raw": "sources.raw"}
      after: ["a-b"]
      when: "(steps.a-b.metrics['x/y'] > 0.5 or params.rate == 1) and not (steps.a-b.outputs.o.files == 1 and params.rate != params.rate)"
  salt: "s"
sources:
  raw:
    file: "/srv/raw.csv"
    table: "csv"
  orders:
    sql:
      database: "DB"
      query: "SELECT 1 AS n"
`,
    )
  })

  it('has partitions and triggers as the file has them', () => {
    const said = pipeline(
      'p',
      {
        partitions: { by: 'day', start: '2026-01-01', timezone: 'Europe/Berlin' },
        triggers: { hook: { on: 'webhook', at_most: 2 }, after: { on: 'pipeline', pipeline: 'q', debounce: '5m' } },
      },
      (p) => void p.step('a', { run: 'm:a', params: { day: partition, from: partition.part('start') } }),
    )
    assert.equal(
      said.toYaml(),
      `project: "p"
pipeline:
  steps:
    a:
      run: "m:a"
      params: {"day": "{partition}", "from": "{partition.start}"}
  partitions:
    by: "day"
    start: "2026-01-01"
    timezone: "Europe/Berlin"
  triggers:
    hook:
      on: "webhook"
      at_most: 2
    after:
      on: "pipeline"
      pipeline: "q"
      debounce: "5m"
`,
    )
  })

  it('is refused where no file could hold it, with the line', () => {
    const circular: Record<string, Value> = {}
    circular['a'] = circular
    const wrong: readonly (readonly [unknown, RegExp])[] = [
      [new Date(), /params\.x: got a Date, expected/],
      [() => 1, /params\.x: got a function/],
      [undefined, /params\.x: got nothing, as of a name that is not there, expected/],
      [circular, /nests more than 100 deep/],
    ]
    for (const [value, message] of wrong) {
      const said = pipeline('p', {}, (p) => void p.step('s', { run: 'm:f', params: { x: value as Value } }))
      assert.throws(() => said.toYaml(), message)
      assert.throws(() => said.toYaml(), /pipeline\.process\.test\.ts:\d+: /)
    }
    const mistyped = pipeline('p', {}, (p) => {
      const made = p.step('a', { run: 'm:f', outputs: ['raw'] })
      // as Node runs it, which checks no types
      const gone = (made.outputs as Record<string, Output | undefined>)['rwa'] as Output
      p.step('s', { run: 'm:f', inputs: { x: gone } })
    })
    assert.throws(() => mistyped.toYaml(), /steps\.s\.inputs\.x: got nothing, as of a name that is not there/)
    const twice = pipeline('p', {}, (p) => {
      p.step('s', { run: 'm:f' })
      p.step('s', { run: 'm:g' })
    })
    assert.throws(() => twice.toYaml(), /"s" is there twice/)
    assert.throws(
      () => pipeline('p', {}, (p) => void p.step('s', { run: 'm:f', when: p.param('a', { type: 'string' }).eq(`'"`) })),
      /both kinds of quotes/,
    )
  })
})
