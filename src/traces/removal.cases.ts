/** Cases: what of traces goes, moves and is exported with an experiment, a project, a run, or with everything. */
import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { before, describe, it } from 'node:test'
import { tableOwners } from '../../test/rooms.ts'
import { fetchAll } from '../store/sql/sql.ts'
import type { MovedTable, Scope } from '../store/moved/table.ts'
import { keysOfBoth, keysWithin } from '../store/moved/within.fixture.ts'
import { createRun } from '../tracking/runs/runs.ts'
import { findArtifact, putArtifact } from '../tracking/artifacts/artifacts.ts'
import { refused } from '../tracking/bench.cases.ts'
import { createAssessment } from './assessments/assessments.ts'
import { readAssessment } from './assessments/wire.ts'
import { newTrace, span } from './bench.cases.ts'
import type { TraceBench } from './bench.cases.ts'
import { projectOfTrace } from './context/rows.ts'
import { deleteTraces } from './delete.ts'
import { createIssue, getIssue } from './issues/issues.ts'
import { holdsTraces, traceTables, traceUris } from './moved/tables.ts'
import { linkPrompts } from './records/links.ts'
import { purgeTraces, resetTraces, tracesPart } from './removal.ts'
import { searchTraces } from './search/search.ts'
import { readInfo } from './start.ts'
import { setTraceTag } from './tags.ts'

/** The tables of the room, as the migrations say it. */
const TABLES = [...tableOwners(resolve(import.meta.dirname, '..'))]
  .filter(([, owner]) => owner === 'traces')
  .map(([table]) => table)

const ROOT = '01'.repeat(8)

export function traceRemovalCases(bench: TraceBench): void {
  const { root } = bench
  /** A trace of a project with one of everything on it, and an issue beside it. */
  async function fill(project: 'red' | 'blue') {
    const [room, who] = [bench.room, bench.member(project)]
    const experiment = await bench.experiment(who)
    const { run_id: run } = await createRun(room, who, { experiment_id: experiment })
    const attributes = { 'session.id': 's', 'gen_ai.usage.input_tokens': 1n }
    const [trace = ''] = await bench.send(experiment, [span(newTrace(), ROOT, { attributes })], { who, run })
    await setTraceTag(room, who, trace, { key: 'tag', value: '1' })
    await linkPrompts(room, who, trace, [{ name: 'ask', version: '1' }])
    const given = readAssessment({ assessment_name: 'good', feedback: { value: 1 } })
    const { assessment_id: assessment } = await createAssessment(room, who, trace, given)
    const issue = { experiment_id: experiment, name: 'i', description: '' }
    const { issue_id } = await createIssue(room, who, issue)
    const file = `${experiment}/traces/${trace}/artifacts/attachments/a`
    await putArtifact(room, who, file, Buffer.from('kept'))
    return { who, experiment, run, trace, assessment, issue_id, file }
  }
  type Filled = Awaited<ReturnType<typeof fill>>
  const rowsOf = async (trace: string) => {
    const found: string[] = []
    for (const table of TABLES.filter((one) => one !== 'trace_issues')) {
      if ((await bench.room.db.all(`SELECT trace_id FROM ${table} WHERE trace_id = ?`, [trace])).length > 0)
        found.push(table)
    }
    return found
  }

  describe('what goes with an experiment', () => {
    it('are its traces with their files and its issues, and nothing of another', async () => {
      const [gone, left] = [await fill('red'), await fill('red')]
      await purgeTraces(bench.room, root, gone.experiment)
      assert.deepEqual(await rowsOf(gone.trace), [])
      await refused(findArtifact(bench.room, gone.who, gone.file), 'RESOURCE_DOES_NOT_EXIST', /No such artifact/)
      await refused(getIssue(bench.room, gone.who, gone.issue_id), 'RESOURCE_DOES_NOT_EXIST', /not found/)
      assert.equal((await rowsOf(left.trace)).length, TABLES.length - 1)
      assert.equal((await findArtifact(bench.room, left.who, left.file)).size, 4)
      assert.equal((await getIssue(bench.room, left.who, left.issue_id)).name, 'i')
    })

    it('more traces than one transaction takes go oldest first, as many as are named, and are audited', async () => {
      const experiment = await bench.experiment()
      const spans = Array.from({ length: 503 }, (_, at) => span(newTrace(), ROOT, { at }))
      await bench.send(experiment, spans)
      const doomed = { experiment_id: experiment, trace_ids: [], max_start_ms: 1_700_000_001_000 }
      assert.equal(await deleteTraces(bench.room, root, { ...doomed, max_traces: 501 }), 501)
      const left = await searchTraces(bench.room, root, { experiment_ids: [experiment], max_results: 10 })
      assert.deepEqual(
        left.rows.map((row) => row.trace_id),
        [`tr-${spans[502]?.trace}`, `tr-${spans[501]?.trace}`],
      )
      assert.equal(await deleteTraces(bench.room, root, doomed), 2)
      const query = "SELECT detail FROM audit WHERE resource_id = ? AND detail LIKE '%deleted_traces%' ORDER BY seq"
      const rows = await bench.room.db.all<{ detail: string }>(query, [experiment])
      assert.deepEqual(
        rows.map((row) => JSON.parse(row.detail) as unknown),
        [{ deleted_traces: 500 }, { deleted_traces: 1 }, { deleted_traces: 2 }],
      )
    })

    it('traces of another experiment are not deleted by their ids', async () => {
      const [one, other] = [await fill('red'), await fill('red')]
      const doomed = { experiment_id: one.experiment, trace_ids: [one.trace, other.trace] }
      assert.equal(await deleteTraces(bench.room, one.who, doomed), 1)
      assert.deepEqual([(await rowsOf(one.trace)).length, (await rowsOf(other.trace)).length], [0, TABLES.length - 1])
      const foreign = deleteTraces(bench.room, bench.member('blue'), { ...doomed, experiment_id: other.experiment })
      await refused(foreign, 'RESOURCE_DOES_NOT_EXIST', /No Experiment/)
    })
  })

  it('a project is given with its traces, which alone keep none', async () => {
    const { trace, who } = await fill('red')
    assert.equal(await projectOfTrace(bench.room.db, trace), 'red')
    assert.equal(await tracesPart.holds(bench.room.db, 'red'), undefined)
    await bench.room.db.tx(async (t) => tracesPart.give?.(t, 'red', 'blue'))
    assert.equal(await projectOfTrace(bench.room.db, trace), 'blue')
    assert.equal((await readInfo(bench.room, bench.member('blue'), trace)).row.trace_id, trace)
    await refused(readInfo(bench.room, who, trace), 'RESOURCE_DOES_NOT_EXIST', /not found/)
    assert.equal(await projectOfTrace(bench.room.db, 'tr-none'), undefined)
  })

  describe('what an export has of traces', () => {
    let red: Filled
    let blue: Filled
    before(async () => {
      await resetTraces(bench.room.db)
      red = await fill('red')
      blue = await fill('blue')
    })
    const tables = (): MovedTable[] => traceTables()
    const keys = (scope: Scope) => keysWithin(bench.room.db, tables(), scope)
    const keysOf = ({ trace, run, assessment }: Filled): Record<string, string[]> => ({
      traces: [trace],
      trace_tags: [`${trace} tag`],
      trace_metadata: [`${trace} mlflow.trace.session`, `${trace} mlflow.trace.tokenUsage`],
      trace_links: [`${trace} prompt ask/1`, `${trace} run ${run}`],
      trace_spans: [`${trace} ${ROOT}`],
      trace_assessments: [assessment],
    })

    it('is every table of the room but the issues, the traces first', () => {
      const names = tables().map((table) => table.name)
      assert.deepEqual([...names, 'trace_issues'].sort(), TABLES.toSorted())
      assert.equal(names[0], 'traces')
    })

    it('are the rows of an experiment, a project or a run alone, none of a model, and all of everything', async () => {
      assert.deepEqual(await keys({ kind: 'experiment', id: red.experiment }), keysOf(red))
      assert.deepEqual(await keys({ kind: 'project', id: 'blue' }), keysOf(blue))
      assert.deepEqual(await keys({ kind: 'run', id: red.run }), keysOf(red))
      assert.deepEqual(await keys({ kind: 'run', id: 'none' }), {})
      assert.deepEqual(await keys({ kind: 'model', id: 'm', runs: [red.run], models: [] }), {})
      assert.deepEqual(await keys({ kind: 'all' }), keysOfBoth(keysOf(red), keysOf(blue)))
    })

    it('a trace is of the run that made it as of the one that it was linked to', async () => {
      const who = bench.member('red')
      const [made] = await bench.send(red.experiment, [span(newTrace(), ROOT)], { who })
      const add = "INSERT INTO trace_metadata (trace_id, key, value) VALUES (?, 'mlflow.sourceRun', 'r-made')"
      await bench.room.db.tx((t) => t.run(add, [made ?? '']))
      assert.deepEqual((await keys({ kind: 'run', id: 'r-made' }))['traces'], [made])
      await deleteTraces(bench.room, who, { experiment_id: red.experiment, trace_ids: [made ?? ''] })
    })

    it('the places of files and whether an experiment has traces are told', async () => {
      const uris = async (scope: Scope) => {
        const query = traceUris(scope)
        const rows = query === undefined ? [] : await fetchAll<{ artifact_uri: string }>(bench.room.db, query)
        return rows.map((row) => row.artifact_uri)
      }
      const uri = `mlflow-artifacts:/${red.experiment}/traces/${red.trace}/artifacts`
      assert.deepEqual(await uris({ kind: 'run', id: red.run }), [uri])
      assert.equal((await uris({ kind: 'all' })).length, 2)
      assert.deepEqual(await uris({ kind: 'model', id: 'm', runs: [], models: [] }), [])
      assert.equal(await holdsTraces(bench.room.db, red.experiment), true)
      assert.equal(await holdsTraces(bench.room.db, await bench.experiment()), false)
    })
  })

  it('a reset leaves no row in any table of the room', async () => {
    await fill('red')
    await resetTraces(bench.room.db)
    assert.ok(TABLES.length >= 7)
    for (const table of TABLES) assert.deepEqual(await bench.room.db.all(`SELECT * FROM ${table}`), [], table)
  })
}
