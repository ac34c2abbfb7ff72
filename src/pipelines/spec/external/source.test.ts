/** What a project file may say of sources, and what is said of wrong ones. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { specOf } from '../edits.fixture.ts'
import { readProject } from '../parse.ts'
import { secretsOfSource } from './source.ts'

const file = (sources: string, inputs = 'x: sources.a', more = ''): string =>
  `project: p\nsources: ${sources}\npipeline:\n  steps:\n    one: {run: m:f, inputs: {${inputs}}, outputs: [o]}\n${more}`
const said = (text: string): string[] =>
  readProject(text).faults.map(({ line, key, message }) => `${line} ${key}: ${message}`)

const RIGHT = [
  '{a: {file: /srv/a.csv}}',
  '{a: {file: /srv/a, table: parquet, fresh: 24 hours, stale: warn, limit: 2GiB, timeout: 1h}}',
  '{a: {http: "https://example.org/a?b=c"}}',
  '{a: {http: "http://example.org", token: TOKEN}}',
  '{a: {s3: {url: "s3://bucket/pre fix/", access_key: A, secret_key: B}}}',
  '{a: {s3: {url: "s3://bucket", endpoint: "http://127.0.0.1:9000", region: eu-west-1, access_key: A, secret_key: B}}}',
  '{a: {sql: {database: DB, query: SELECT 1, ordered: true, time: at}, fresh: 1h}}',
  '{a: {sqlite: {file: /srv/a.db, query: SELECT 1, ordered: true, time: at}, fresh: 1h, table: parquet}}',
  '{a: {sqlite: {file: /srv/a.db, table: orders}}}',
  '{a: {pypi: {package: seaborn-data==1.0, files: [data/a.csv]}}}',
  '{a: {features: {service: late@2, entities: b, time: at}}, b: {file: /b.csv}}',
  '{a: {features: {service: late, query: SELECT * FROM b}}, b: {file: /b.csv}}',
]

test('each kind of source is accepted', () => {
  for (const sources of RIGHT) assert.deepEqual(said(file(sources)), [], sources)
})

// prettier-ignore
const WRONG: readonly (readonly [sources: string, says: RegExp])[] = [
  ['{}', /^5 pipeline\.steps\.one\.inputs\.x: there is no source "a"$/],
  ['{a: {}}', /^2 sources\.a: got {}, expected one of file, http, s3, sql, sqlite, pypi, data_set, features$/],
  ['{a: {data_set: rows}}', /sources\.a\.data_set: got "rows", expected NAME@VERSION or NAME@latest/],
  ['{a: {file: /a, http: "http://h"}}', /^2 sources\.a: got .*, expected one of .*, and not file and http$/],
  ['{a: {file: a.csv}}', /^2 sources\.a\.file: got "a\.csv", expected an absolute path/],
  ['{a: {file: /srv/../etc/passwd}}', /sources\.a\.file: .*without "\." and "\.\." in it/],
  ['{a: {http: "ftp://h/a"}}', /sources\.a\.http.*an http or https address/],
  ['{a: {http: "http://u:p@h/a"}}', /sources\.a\.http.*without a user and a password/],
  ['{a: {http: "http://h", token: my-token}}', /sources\.a\.token.*the name of a secret/],
  ['{a: {s3: {url: "s3://B/x", access_key: A, secret_key: B}}}', /sources\.a\.s3\.url: .*s3:\/\/BUCKET/],
  ['{a: {s3: {url: "s3://bucket/x", access_key: A}}}', /sources\.a\.s3\.secret_key: missing/],
  ['{a: {s3: {url: "s3://bucket/x", endpoint: "http://h/path", access_key: A, secret_key: B}}}', /sources\.a\.s3\.endpoint: .*without a path/],
  ['{a: {sql: {database: "postgresql://u:p@h/d", query: SELECT 1}}}', /sources\.a\.sql\.database: .*the name of a secret/],
  ['{a: {sql: {database: DB, query: ""}}}', /sources\.a\.sql\.query/],
  ['{a: {sql: {database: DB, query: SELECT 1}, fresh: 1h}}', /sources\.a\.fresh: got "1h", expected "time" in "sql" too/],
  ['{a: {sqlite: {file: a.db, table: t}}}', /sources\.a\.sqlite\.file: got "a\.db", expected an absolute path/],
  ['{a: {sqlite: {file: /a.db}}}', /^2 sources\.a\.sqlite: got .*, expected either "query" or "table"$/],
  ['{a: {sqlite: {file: /a.db, query: SELECT 1, table: t}}}', /sources\.a\.sqlite: .*either "query" or "table"/],
  ['{a: {sqlite: {file: /a.db, table: t}, table: csv}}', /sources\.a\.table: got "csv", expected "parquet" or nothing beside "sqlite"/],
  ['{a: {sqlite: {file: /a.db, table: t}, fresh: 1h}}', /sources\.a\.fresh: got "1h", expected "time" in "sqlite" too/],
  ['{a: {pypi: {package: seaborn, files: [a]}}}', /sources\.a\.pypi\.package: .*NAME==VERSION/],
  ['{a: {pypi: {package: s==1, files: [../a]}}}', /sources\.a\.pypi\.files.*a path in the package/],
  [
    '{a: {sql: {database: DB, query: SELECT 1}, table: parquet}}',
    /sources\.a\.table: got "parquet", expected "csv" or nothing beside "sql": rows of a query are a CSV$/,
  ],
  ['{a: {file: /a, token: TOKEN}}', /sources\.a\.token: got "TOKEN", expected it beside "http" alone$/],
  ['{a: {file: /a, fresh: soon}}', /sources\.a\.fresh: got "soon", expected a duration, for example 24 hours/],
  ['{a: {file: /a, limit: lots}}', /sources\.a\.limit: got "lots", expected a size/],
  ['{a: {file: /a, stale: perhaps}}', /sources\.a\.stale: .*"fail", "warn"/],
  ['{a: {file: /a, table: xlsx}}', /sources\.a\.table: .*"csv", "parquet"/],
  ['{a: {features: {service: late, entities: c}}, b: {file: /b}}', /sources\.a\.features\.entities: a declared source that is a table was expected, got "c"; there are "b"$/],
  ['{a: {features: {service: late, entities: a}}}', /sources\.a\.features\.entities: .*got "a"; there are none$/],
  ['{a: {features: {service: late@new, entities: b}}, b: {file: /b}}', /sources\.a\.features\.service: .*SERVICE@VERSION/],
  ['{a: {features: {service: late, entities: b}, table: csv}, b: {file: /b}}', /sources\.a\.table: .*"parquet" or nothing beside "features"/],
  ['{a: {features: {service: late}}, b: {file: /b}}', /^2 sources\.a\.features: .*either "entities" or "query" was expected, got neither/],
  ['{a: {features: {service: late, entities: b, query: SELECT * FROM b}}, b: {file: /b}}', /sources\.a\.features: .*, got both/],
  ['{a: {features: {service: late, query: ""}}, b: {file: /b}}', /sources\.a\.features\.query/],
  ['{a: {features: {service: late, query: SELECT 1 FROM a}}, b: {file: /b}}', /sources\.a\.features\.query: a query of declared sources was expected, got one that reads none; there are "b"$/],
  ['{a: {features: {service: late, query: SELECT 1 FROM c}}, c: {fil: /b}}', /sources\.c\.fil: unknown key/],
  ['{a: {file: /a, freshness: 1h}}', /sources\.a\.freshness: unknown key/],
  ['{a: {file: /a}, 1a: {file: /a}}', /sources\.1a: .*a Python identifier/],
]

test('each wrong source is one fault with its line and key, and its steps are not blamed for it', () => {
  for (const [sources, says] of WRONG) {
    const faults = said(file(sources))
    assert.equal(faults.length, 1, `${sources}: ${faults.join('\n')}`)
    assert.match(faults[0] ?? '', says)
  }
})

test('inputs name sources that are there; steps, models and references do not', () => {
  const known = '{flights: {file: /a}, other: {file: /b}}'
  const cases: [text: string, says: RegExp[]][] = [
    [
      file(known, 'x: sources.flight'),
      [/^5 pipeline\.steps\.one\.inputs\.x: there is no source "flight"; did you mean "flights"\?$/],
    ],
    [file(known, 'x: sources.quite_another'), [/there is no source "quite_another"; the sources are flights, other$/]],
    [
      file(known, 'x: "sources.flights?"'),
      [/ends with "\?", and a source is never skipped; expected "sources\.flights"$/],
    ],
    [
      file(known, 'x: sources.flights', '    sources: {run: m:f, outputs: [o]}\n'),
      [/pipeline\.steps\.sources: a step cannot be called "sources" where sources are declared/],
    ],
    [
      file(known, 'x: sources.flights', 'model: {name: m, from: sources.flights}\n'),
      [/model\.from: there is no step "sources"/],
    ],
    [`project: p\npipeline:\n  steps:\n    one: {run: m:f, inputs: {x: sources.a}}\n`, [/there is no step "sources"/]],
  ]
  for (const [text, says] of cases) {
    const faults = said(text)
    assert.equal(faults.length, says.length, faults.join('\n'))
    for (const [i, one] of says.entries()) assert.match(faults[i] ?? '', one)
  }
  // a file without sources may have such a step, as it could before
  assert.deepEqual(
    said(
      'project: p\npipeline:\n  steps:\n    sources: {run: m:f, outputs: [a]}\n    one: {run: m:f, inputs: {x: sources.a}}\n',
    ),
    [],
  )
})

test('a pipeline keeps the sources that its steps take, and the names of their secrets', async () => {
  const text = file('{a: {http: "http://h", token: TOKEN, fresh: 1 day}, b: {file: /b/}}')
  const spec = await specOf({ 'slipway.yaml': text, 'm.py': 'def f(x, o): pass\n' })
  assert.deepEqual(Object.keys(spec.sources ?? {}), ['a'])
  assert.deepEqual([spec.steps[0]?.inputs, spec.steps[0]?.sources, spec.steps[0]?.needs], [{}, { x: 'a' }, []])
  const { a } = spec.sources ?? {}
  assert.ok(a !== undefined)
  assert.deepEqual(
    [a.fresh_ms, a.stale, a.limit_bytes, a.timeout_ms, secretsOfSource(a)],
    [86_400_000, 'fail', 2 ** 30, 600_000, ['TOKEN']],
  )
  // nothing moves in a pipeline without sources
  const plain = await specOf({
    'slipway.yaml': 'project: p\npipeline: {steps: {one: {run: m:f}}}\n',
    'm.py': 'def f(): pass\n',
  })
  assert.deepEqual(['sources' in plain, 'sources' in (plain.steps[0] ?? {})], [false, false])
})

test('a source of features keeps the sources that its query names, and the secrets of each', async () => {
  const sources = `
  a: {features: {service: late, query: 'SELECT * FROM b JOIN "d" USING (x)'}}
  b: {http: "https://h/b", token: ONE}
  c: {http: "https://h/c", token: TWO}
  d: {file: /d}`
  const text = `project: p\nsources: ${sources}\npipeline: {steps: {one: {run: m:f, inputs: {x: sources.a}}}}`
  const spec = await specOf({ 'slipway.yaml': text, 'm.py': 'def f(x): pass\n' })
  const { place } = spec.sources?.['a'] ?? assert.fail('there is no source')
  assert.ok(place.kind === 'features')
  assert.deepEqual(Object.keys(place.entities.sources), ['b', 'd'])
  assert.deepEqual(secretsOfSource(spec.sources?.['a'] ?? assert.fail()), ['ONE'])
})
