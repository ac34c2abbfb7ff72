/** What `validate` says of `for_each`: each fault at its key, and nothing of what can run. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readProject } from '../parse.ts'

const FIT = 'run: "a:fit", params: {x: "{item}"}, outputs: [part]'

/** Sources of three kinds. */
const SOURCES = `sources:
  orders: {sql: {database: DB, query: "SELECT 1"}}
  raw: {file: /srv/raw}
  web: {http: "https://example.org/a.csv"}
`

function faults(steps: string, more = '', sources = ''): string[] {
  const text = `project: p\n${sources}pipeline:\n${more}  steps: {${steps}}\n`
  return readProject(text).faults.map(({ key, message }) => `${key}: ${message}`)
}

const fit = (each: string, step = FIT): string => `fit: {${step}, for_each: ${each}}`

describe('what can run', () => {
  const good: [what: string, steps: string, more?: string][] = [
    ['a list', fit('{item: [1, a, {b: 2}, [3], null]}')],
    ['an empty list', fit('{item: []}')],
    ['a range, and one downwards', `${fit('{range: [1, 10]}')}, down: {${FIT}, for_each: {range: [10, 1, -3]}}`],
    ['a window and policies', fit('{range: [1, 10], at_once: 4, failures: {at_least: 90%}}')],
    ['parts', fit('{item: [{m: {a: 1}}]}', 'run: "a:fit", params: {x: "{item.m.a}"}')],
    ['a param that is a list', fit('{item: "{params.l}"}'), '  params: {l: {type: list, of: int, default: [1]}}\n'],
    ['the folder of all', `${fit('{item: [1]}')}, all: {run: "a:all", inputs: {p: "fit.part[*]", q: "fit.part[*]?"}}`],
    ['100,000 items', fit('{range: [1, 100000]}')],
    ['a text in braces without for_each', 'one: {run: "a:one", params: {x: "{item}"}}'],
  ]
  for (const [what, steps, more] of good) test(what, () => assert.deepEqual(faults(steps, more), []))
})

describe('what cannot', () => {
  const at = 'pipeline.steps.fit'
  const bad: [what: string, steps: string, expected: string | RegExp, more?: string][] = [
    ['nothing to run for', fit('{at_once: 2}'), /for_each: .*one of item, range, rows, files/],
    ['two things to run for', fit('{item: [1], range: [1, 2]}'), /for_each: .*one of item, range, rows, files/],
    ['a list that is none', fit('{item: 5}'), /for_each.item: got 5, expected a list of values, or "\{params.NAME\}"/],
    [
      'more items than are taken',
      fit('{range: [1, 100001]}'),
      `${at}.for_each.range: got 100001 items, expected at most 100000`,
    ],
    [
      'a list with more',
      fit(`{item: [${'1,'.repeat(100_001)}]}`),
      `${at}.for_each.item: got 100001 items, expected at most 100000`,
    ],
    ['a step of 0', fit('{range: [1, 2, 0]}'), /range: got a step of 0/],
    [
      'a range away from its end',
      fit('{range: [1, 9, -1]}'),
      /range: got -1 as the step, which never leads from 1 to 9/,
    ],
    ['a range of one number', fit('{range: [1]}'), /range: .*from, to, and the step/],
    ['a window of nobody', fit('{item: [1], at_once: 0}'), /at_once/],
    [
      'a policy that is none',
      fit('{item: [1], failures: ignore}'),
      /failures: got "ignore", expected stop, collect, or at_least/,
    ],
    ['more than there are', fit('{item: [1, 2], failures: {at_least: 3}}'), /at_least: got 3, and there are 2 items/],
    [
      'a share over all',
      fit('{item: [1], failures: {at_least: 101%}}'),
      /for_each.failures: .*expected stop, collect, or at_least with a number of items or a share/,
    ],
    ['no param that takes it', fit('{item: [1]}', 'run: "a:fit", params: {x: 1}'), /for_each: no param takes the item/],
    [
      'a part of a text',
      fit('{item: [1]}', 'run: "a:fit", params: {x: "m-{item}"}'),
      /params.x: got "m-\{item\}", expected "\{item\}" alone/,
    ],
    [
      'an item in a command',
      fit('{item: [1]}', 'run: [echo, "m-{item.m}"], params: {x: "{item}"}'),
      /fit.run.1: got "m-\{item.m\}", expected a param such as x: "\{item.m\}", and "\{params.x\}" here/,
    ],
    [
      'an item in a variable',
      fit('{item: [1]}', 'run: "a:fit", params: {x: "{item}"}, env: {A: "{item}"}'),
      /fit.env.A: got "\{item\}", expected a param .*: variables are the same for all items/,
    ],
    [
      'an item without the part',
      fit('{item: [{m: 1}, {n: 2}]}', 'run: "a:fit", params: {x: "{item.m}"}'),
      /params.x: got "\{item.m\}", and item 1, \{"n":2\}, has no m/,
    ],
    ['a part of a number', fit('{range: [1, 2]}', 'run: "a:fit", params: {x: "{item.m}"}'), /the items are numbers/],
    ['a param that is not there', fit('{item: "{params.l}"}'), /item: got "\{params.l\}", and there is no param "l"/],
    [
      'a param that is no list',
      fit('{item: "{params.l}"}'),
      /and it is of type int; expected a param of type list/,
      '  params: {l: {type: int, default: 1}}\n',
    ],
    [
      'one output as if it were made once',
      `${fit('{item: [1]}')}, all: {run: "a:all", inputs: {p: fit.part}}`,
      /all.inputs.p: step "fit" makes "part" for each item; expected "fit.part\[\*\]"/,
    ],
    [
      'all of an output that is made once',
      'fit: {run: "a:fit", outputs: [part]}, all: {run: "a:all", inputs: {p: "fit.part[*]"}}',
      /all.inputs.p: step "fit" has no for_each; expected "fit.part"/,
    ],
    [
      'a condition on a metric of each',
      `${fit('{item: [1]}')}, all: {run: "a:all", when: steps.fit.metrics.auc > 1}`,
      /all.when: column 1: step "fit" runs for each item/,
    ],
    [
      'an argument that no program takes',
      fit('{item: [a, "b\\0"]}', 'run: [echo, "{params.x}"], params: {x: "{item}"}'),
      /for_each.item.1: got "b.u0000", expected a text without a zero byte/,
    ],
    [
      'an item that Python does not read',
      fit('{item: [1, .nan]}'),
      /for_each.item.1: got .nan, expected a finite number/,
    ],
    ['a word that is no key', fit('{items: [1]}'), /for_each.*item/],
  ]
  for (const [what, steps, expected, more] of bad) {
    test(what, () => {
      const said = faults(steps, more)
      assert.equal(said.length, 1, said.join('\n'))
      if (typeof expected === 'string') assert.equal(said[0], expected)
      else assert.match(said[0] ?? '', expected)
    })
  }

  test('a model that is made for each item', () => {
    const text = `project: p\npipeline: {steps: {${fit('{item: [1]}')}}}\nmodel: {name: m, from: fit.part}\n`
    const said = readProject(text).faults.map(({ key, message }) => `${key}: ${message}`)
    assert.deepEqual(said, ['model.from: step "fit" makes "part" for each item; expected an output that is made once'])
  })
})

describe('rows and files of sources', () => {
  const at = 'pipeline.steps.fit'
  const run = (params: string, inputs = ''): string => `run: "a:fit", params: {${params}}, inputs: {${inputs}}`
  const columns = 'columns: {day: string, n: int, share: float, ok: bool}'
  const rows = (params: string, each = `rows: sources.orders, ${columns}`): string => fit(`{${each}}`, run(params))
  const files = (params: string, inputs: string, each = 'files: sources.raw'): string =>
    fit(`{${each}}`, run(params, inputs))
  const good: [what: string, steps: string][] = [
    ['columns of a row', rows('x: "{item.day}", y: "{item.n}"')],
    [
      'a row as a whole, and the source beside it',
      fit(`{rows: sources.orders, ${columns}}`, run('x: "{item}"', 'all: sources.orders')),
    ],
    ['the file alone', files('', 'csv: "sources.raw[item]"')],
    ['its path alone', files('x: "{item.path}"', '')],
    ['both, and all of the source', files('x: "{item.size}"', 'csv: "sources.raw[item]", all: sources.raw')],
  ]
  for (const [what, steps] of good) test(what, () => assert.deepEqual(faults(steps, '', SOURCES), []))

  const bad: [what: string, steps: string, ...expected: (string | RegExp)[]][] = [
    [
      'a source that is not there',
      rows('x: "{item.day}"', `rows: sources.order, ${columns}`),
      `${at}.for_each.rows: there is no source "order"; did you mean "orders"?`,
    ],
    [
      'a source without its word',
      rows('x: "{item.day}"', `rows: orders, ${columns}`),
      /for_each.rows: got "orders", expected sources.NAME/,
    ],
    ['no columns', rows('x: "{item.day}"', 'rows: sources.orders'), /for_each.columns: .*expected it beside "rows"/],
    [
      'columns of files',
      files('', 'csv: "sources.raw[item]"', `files: sources.raw, ${columns}`),
      /for_each.columns: .*expected it beside "rows", and beside nothing else/,
    ],
    [
      'columns that are none',
      rows('x: 1', 'rows: sources.orders, columns: {}'),
      /for_each.columns: .*at least one column/,
    ],
    [
      'a type that is none',
      rows('x: 1', 'rows: sources.orders, columns: {day: text}'),
      /for_each.columns.day: got "text", expected .*"string"/,
    ],
    [
      'a name that no param can take',
      rows('x: 1', 'rows: sources.orders, columns: {"a b": int}'),
      /for_each.columns.*letters, digits and "_"/,
    ],
    [
      'a column that is not there',
      rows('x: "{item.dya}"'),
      `${at}.params.x: got "{item.dya}", and the columns are day, n, share, ok; did you mean "day"?`,
    ],
    ['a part of a column', rows('x: "{item.day.of}"'), /params.x: .*"day" has no parts; expected "\{item.day\}"/],
    [
      'rows of files',
      rows('x: "{item.day}"', `rows: sources.raw, ${columns}`),
      /for_each.rows: got "sources.raw", which is of the kind file; expected one of the kind sql/,
    ],
    [
      'files of a query',
      files('x: "{item.path}"', '', 'files: sources.orders'),
      /for_each.files: .*kind sql; expected "rows" in place of "files", with "columns"/,
    ],
    [
      'files of an address',
      files('x: "{item.path}"', '', 'files: sources.web'),
      /for_each.files: .*kind http; expected one of file, s3, pypi, data_set/,
    ],
    [
      'nothing that takes the file',
      files('', ''),
      /for_each: no param takes the item.* or an input "sources.raw\[item\]"/,
    ],
    [
      'the file of another source',
      files('', 'csv: "sources.web[item]", x: "sources.raw[item]"'),
      /inputs.csv: got "sources.web\[item\]", expected .* of a step with for_each: \{files: sources.web\}/,
    ],
    [
      'a file that may be absent',
      files('x: "{item.path}"', 'csv: "sources.raw[item]?"'),
      /inputs.csv: got "sources.raw\[item\]\?"/,
    ],
    [
      'an item of no step',
      `one: {${run('', 'csv: "sources.raw[item]"')}}`,
      /one.inputs.csv: got "sources.raw\[item\]", expected/,
    ],
    [
      'an item of an output',
      `${fit('{item: [1]}')}, all: {run: "a:all", inputs: {p: "fit.part[item]"}}`,
      /all.inputs.p: got "fit.part\[item\]", and only a source has items/,
    ],
    ['two faults at once', rows('x: "{item.dya}", y: "{item.m}"'), /params.x/, /params.y/],
    [
      'rows and a range',
      rows('x: "{item.day}"', `rows: sources.orders, ${columns}, range: [1, 2]`),
      /one of item, range, rows, files/,
    ],
  ]
  for (const [what, steps, ...expected] of bad) {
    test(what, () => {
      const said = faults(steps, '', SOURCES)
      assert.equal(said.length, expected.length, JSON.stringify(said))
      for (const [i, one] of expected.entries())
        if (typeof one === 'string') assert.equal(said[i], one)
        else assert.match(said[i] ?? '', one)
    })
  }

  test('no sources at all', () =>
    assert.deepEqual(faults(rows('x: "{item.day}"')), [`${at}.for_each.rows: there is no source "orders"`]))
})
