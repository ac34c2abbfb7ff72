/** The control process is killed at each point of a step that runs for rows or files, and what they come from changes then: the run goes on with what it had read, and no item runs twice. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import { startPostgres, type TestPostgres } from '../../../test/postgres.ts'
import type { RunView } from '../run/view.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-source-kills-'))
let server: TestPostgres
before(async () => {
  server = await startPostgres()
})
after(async () => {
  await server.stop()
  rmSync(root, { recursive: true, force: true })
})

const PYTHON = `def fit(x, notes, part, csv=None):
    with open(notes, "a") as file: file.write(f"{x} {'' if csv is None else csv.read_text()}\\n")
    part.write_text(str(x))
`

/** Runs a control process to its end; the signal that ended it. */
function control(dataDir: string, fault?: string): Promise<NodeJS.Signals | null> {
  const hooks = fault === undefined ? {} : { SLIPWAY_TEST_HOOKS: '1', SLIPWAY_FAULT: `pipelines.${fault}` }
  const child = spawn(process.execPath, [join(import.meta.dirname, '../run/control.fixture.ts'), dataDir], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...hooks, SLIPWAY_TEST_QUERIED: server.url },
  })
  return new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)))
}

interface Case {
  readonly dataDir: string
  readonly notes: string
  readonly folder: string
}

function prepare(name: string, yaml: (here: Case) => string): Case {
  const top = join(root, name)
  const here = { dataDir: join(top, 'data'), notes: join(top, 'notes'), folder: join(top, 'sources') }
  for (const folder of [top, here.dataDir, here.folder]) mkdirSync(folder)
  writeFileSync(here.notes, '')
  writeFileSync(join(here.dataDir, 'files.json'), JSON.stringify({ 'slipway.yaml': yaml(here), 'work.py': PYTHON }))
  return here
}

function ended({ dataDir, notes }: Case): { run: RunView; lines: string[] } {
  const { run } = JSON.parse(readFileSync(join(dataDir, 'ended.json'), 'utf8')) as { run: RunView }
  return { run, lines: readFileSync(notes, 'utf8').split('\n').slice(0, -1).toSorted() }
}

/** More rows than are made at once, so that a list is read again in its middle. */
const ROWS = 600
const POINTS = ['fan_begun@1', 'items_made@1', 'attempt_opened@2']

describe('killed', { concurrency: 2 }, () => {
  for (const point of POINTS) {
    test(`at ${point}, rows stay those of the first reading`, async () => {
      const table = `t_${point.replace('@', '_')}`
      const client = new pg.Client({ connectionString: server.url })
      await client.connect()
      await client.query(`CREATE TABLE ${table} AS SELECT 'r' || i % 3 AS name FROM generate_series(1, ${ROWS}) i`)
      const here = prepare(
        `rows-${point}`,
        ({ notes }) => `project: crash
sources: {t: {sql: {database: DB, query: "SELECT name FROM ${table}"}}}
pipeline:
  steps:
    fit: {run: "work:fit", params: {x: "{item.name}", notes: ${JSON.stringify(notes)}}, outputs: [part], for_each: {rows: sources.t, columns: {name: string}, at_once: 2}}
`,
      )
      assert.equal(await control(here.dataDir, point), 'SIGKILL', 'the point is passed')
      await client.query(`DROP TABLE ${table}`)
      await client.end()
      assert.equal(await control(here.dataDir), null)
      const { run, lines } = ended(here)
      assert.equal(run.outcome, 'succeeded', run.message)
      assert.deepEqual(run.steps[0]?.items, { count: ROWS, states: { cached: ROWS - 3, succeeded: 3 }, needed: ROWS })
      assert.deepEqual(lines, ['r0 ', 'r1 ', 'r2 '])
    })

    test(`at ${point}, files stay those of the first reading`, async () => {
      const here = prepare(
        `files-${point}`,
        ({ folder, notes }) => `project: crash
sources: {raw: {file: ${folder}}}
pipeline:
  steps:
    fit: {run: "work:fit", inputs: {csv: "sources.raw[item]"}, params: {x: "{item.path}", notes: ${JSON.stringify(notes)}}, outputs: [part], for_each: {files: sources.raw, at_once: 2}}
`,
      )
      for (const name of ['a', 'b', 'c']) writeFileSync(join(here.folder, name), `in ${name}`)
      assert.equal(await control(here.dataDir, point), 'SIGKILL', 'the point is passed')
      rmSync(here.folder, { recursive: true })
      assert.equal(await control(here.dataDir), null)
      const { run, lines } = ended(here)
      assert.equal(run.outcome, 'succeeded', run.message)
      assert.deepEqual(run.steps[0]?.items, { count: 3, states: { succeeded: 3 }, needed: 3 })
      assert.deepEqual(lines, ['a in a', 'b in b', 'c in c'])
    })
  }
})
