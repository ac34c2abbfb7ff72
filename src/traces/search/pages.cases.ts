/** Cases: pages of traces that change between them, values that are not there, what hangs on runs, prompts and issues. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { refused } from '../../tracking/bench.cases.ts'
import { createRun } from '../../tracking/runs/runs.ts'
import { createAssessment } from '../assessments/assessments.ts'
import { readAssessment } from '../assessments/wire.ts'
import { newTrace, span } from '../bench.cases.ts'
import type { TraceBench } from '../bench.cases.ts'
import { deleteTraces } from '../delete.ts'
import { linkPrompts, linkTraces } from '../records/links.ts'
import { startTrace } from '../start.ts'
import { setTraceTag } from '../tags.ts'
import { searchTraces } from './search.ts'
import type { TraceSearch } from './search.ts'

const ROOT = '01'.repeat(8)

export function tracePageCases(bench: TraceBench): void {
  const search = async (experiment: string, more: Partial<TraceSearch> = {}, who = bench.root) => {
    const page = await searchTraces(bench.room, who, { experiment_ids: [experiment], max_results: 100, ...more })
    return { ids: page.rows.map((row) => row.trace_id), next: page.next_page_token }
  }
  const send = async (experiment: string, at: number, name = 'work') =>
    (await bench.send(experiment, [span(newTrace(), ROOT, { at, name })]))[0] ?? ''

  describe('pages of traces', () => {
    it('of one moment come by their id, over pages of any size', async () => {
      const experiment = await bench.experiment()
      const ids: string[] = []
      for (let at = 0; at < 9; at++) ids.push(await send(experiment, at % 3 === 0 ? 5 : 0))
      const moments = [ids.filter((_, at) => at % 3 === 0), ids.filter((_, at) => at % 3 !== 0)]
      const wanted = moments.flatMap((moment) => moment.toSorted())
      for (const max_results of [1, 2, 4, 9]) {
        const found: string[] = []
        let page_token: string | undefined
        do {
          const page = await search(experiment, { max_results, page_token })
          found.push(...page.ids)
          page_token = page.next
        } while (page_token !== undefined)
        assert.deepEqual(found, wanted, String(max_results))
      }
    })

    it('go on where they were though traces come and go before, at and behind the place', async () => {
      const experiment = await bench.experiment()
      const ids: string[] = []
      for (let at = 0; at < 6; at++) ids.unshift(await send(experiment, at))
      const first = await search(experiment, { max_results: 3 })
      assert.deepEqual(first.ids, ids.slice(0, 3))
      await send(experiment, 50)
      await deleteTraces(bench.room, bench.root, { experiment_id: experiment, trace_ids: [ids[2] ?? '', ids[4] ?? ''] })
      const rest = await search(experiment, { max_results: 3, page_token: first.next })
      assert.deepEqual([rest.ids, rest.next], [[ids[3], ids[5]], undefined])
    })

    it('a token is of one filter, order, choice of experiments and caller', async () => {
      const [experiment, other] = [await bench.experiment(), await bench.experiment()]
      for (const at of [0, 1]) await send(experiment, at)
      const { next: page_token } = await search(experiment, { max_results: 1 })
      const asked: readonly Partial<TraceSearch>[] = [
        { filter: "name = 'x'" },
        { order_by: ['name'] },
        { experiment_ids: [other] },
      ]
      for (const more of asked) {
        await refused(search(experiment, { ...more, page_token }), 'INVALID_PARAMETER_VALUE', /another query/)
      }
      const foreign = search(experiment, { page_token }, bench.member('red'))
      await refused(foreign, 'INVALID_PARAMETER_VALUE', /another query/)
    })

    it('without a choice hold all that is seen; experiments that are not, and none, hold nothing', async () => {
      const red = bench.member('red')
      const experiment = await bench.experiment(red)
      const [id = ''] = await bench.send(experiment, [span(newTrace(), ROOT, { name: 'of red alone' })], { who: red })
      const filter = "name = 'of red alone'"
      const all = async (who = bench.root) =>
        (await searchTraces(bench.room, who, { experiment_ids: undefined, filter, max_results: 5 })).rows.map(
          (row) => row.trace_id,
        )
      assert.deepEqual([await all(), await all(red), await all(bench.member('blue'))], [[id], [id], []])
      assert.deepEqual((await search(experiment, { experiment_ids: [] }, red)).ids, [])
      assert.deepEqual((await search(experiment, { experiment_ids: ['999999', experiment, experiment] }, red)).ids, [
        id,
      ])
      assert.deepEqual((await search(experiment, {}, bench.member('blue'))).ids, [])
    })
  })

  describe('what a filter says of values that are not there', () => {
    let experiment = ''
    let bare = ''
    let full = ''
    before(async () => {
      experiment = await bench.experiment()
      const given = { experiment_id: experiment, state: 'OK', metadata: {}, tags: {}, assessments: [] } as const
      bare = `tr-${newTrace()}`
      full = `tr-${newTrace()}`
      await startTrace(bench.room, bench.root, { ...given, trace_id: bare, start_ms: 1000 })
      const more = {
        client_request_id: 'c',
        duration_ms: 500,
        tags: { 'mlflow.traceName': 'n', t: 'v' },
        metadata: { m: 'v' },
      }
      await startTrace(bench.room, bench.root, { ...given, ...more, trace_id: full, start_ms: 1000 })
    })
    const cases: readonly (readonly [string, readonly ('bare' | 'full')[]])[] = [
      ["name != 'x'", ['full']],
      ["NOT name = 'x'", ['bare', 'full']],
      ["name NOT IN ('x')", ['full']],
      ["name LIKE '%'", ['full']],
      ["client_request_id != 'x'", ['full']],
      ['execution_time < 10000', ['full']],
      ['execution_time != 1', ['full']],
      ['end_time = 1000', ['bare']],
      ['end_time = 1500', ['full']],
      ["tags.t != 'x'", ['full']],
      ['tags.t IS NULL', ['bare']],
      ['tags.mlflow.traceName IS NULL', ['bare']],
      ["metadata.m != 'x'", ['full']],
      ['metadata.m IS NOT NULL', ['full']],
      ['tags.mlflow.trace.spansLocation IS NULL', ['bare', 'full']],
      ["span.name != 'x'", []],
      ["NOT span.name = 'x'", ['bare', 'full']],
      ["feedback.f != 'x'", []],
    ]
    for (const [filter, expected] of cases) {
      it(filter, async () => {
        const wanted = expected.map((one) => ({ bare, full })[one])
        assert.deepEqual((await search(experiment, { filter })).ids.toSorted(), wanted.toSorted())
      })
    }
  })

  it('a value is compared whole where only its head lies in an index, whatever its characters', async () => {
    const experiment = await bench.experiment()
    const id = await send(experiment, 0)
    const head = 'x'.repeat(64)
    // the 64th unit of the second is the first half of a character
    for (const value of [`${head}a`, `${'y'.repeat(63)}😀b`, '', 'é'.repeat(70)]) {
      await setTraceTag(bench.room, bench.root, id, { key: 'k', value })
      const find = async (wanted: string) => (await search(experiment, { filter: `tags.k = '${wanted}'` })).ids
      assert.deepEqual(await find(value), [id], value)
      assert.deepEqual(await find(`${value}!`), [], value)
      assert.deepEqual(await find(`${head}b`), [])
      assert.deepEqual((await search(experiment, { filter: `tags.k != '${value}'` })).ids, [])
    }
  })

  it('runs, prompts and issues find the traces that hang on them', async () => {
    const experiment = await bench.experiment()
    const runs = [
      await createRun(bench.room, bench.root, { experiment_id: experiment }),
      await createRun(bench.room, bench.root, { experiment_id: experiment }),
    ].map((run) => run.run_id)
    const [one, two, three] = [await send(experiment, 0), await send(experiment, 1), await send(experiment, 2)]
    await linkTraces(bench.room, bench.root, [one, two, one], runs[0] ?? '')
    await linkTraces(bench.room, bench.root, [two], runs[1] ?? '')
    await linkPrompts(bench.room, bench.root, three, [
      { name: 'ask', version: '1' },
      { name: 'ask', version: '1' },
    ])
    const issue = readAssessment({ assessment_name: 'iss-1', issue: { issue_name: 'wrong' } })
    await createAssessment(bench.room, bench.root, two, issue)
    const found = async (filter: string) => (await search(experiment, { filter, order_by: ['timestamp'] })).ids
    assert.deepEqual(await found(`run_id = '${runs[0]}'`), [one, two])
    assert.deepEqual(await found(`run_id IN ('${runs[0]}', '${runs[1]}')`), [one, two])
    assert.deepEqual(await found(`run_id = '${runs[1]}' AND run_id = '${runs[0]}'`), [two])
    assert.deepEqual(await found(`run_id != '${runs[0]}'`), [], 'only the run that made a trace is told apart')
    assert.deepEqual(await found("prompt = 'ask/1'"), [three])
    assert.deepEqual(await found("tags.mlflow.linkedPrompts = 'ask/1'"), [three])
    assert.deepEqual(await found("issue.id = 'iss-1'"), [two])
    assert.deepEqual(await found("NOT issue.id = 'iss-1'"), [one, three])
    for (const target of ['ask', 'ask/1/2', '']) {
      await refused(found(`prompt = '${target}'`), 'INVALID_PARAMETER_VALUE', /name\/version/)
    }
    const links = await bench.room.db.all('SELECT target FROM trace_links WHERE trace_id IN (?, ?, ?)', [
      one,
      two,
      three,
    ])
    assert.equal(links.length, 4, 'a link is there once')
  })

  it('traces of a project that is not seen are passed over when they are linked', async () => {
    const [red, blue] = [bench.member('red'), bench.member('blue')]
    const [ours, theirs] = [await bench.experiment(red), await bench.experiment(blue)]
    const { run_id } = await createRun(bench.room, red, { experiment_id: ours })
    const [own = ''] = await bench.send(ours, [span(newTrace(), ROOT)], { who: red })
    const [foreign = ''] = await bench.send(theirs, [span(newTrace(), ROOT)], { who: blue })
    await linkTraces(bench.room, red, [foreign, own], run_id)
    const rows = await bench.room.db.all<{ trace_id: string }>('SELECT trace_id FROM trace_links WHERE target = ?', [
      run_id,
    ])
    assert.deepEqual(
      rows.map((row) => row.trace_id),
      [own],
    )
    await refused(linkTraces(bench.room, blue, [foreign], run_id), 'RESOURCE_DOES_NOT_EXIST', /not found/)
    await bench.send(theirs, [span(newTrace(), ROOT)], { who: blue, run: run_id })
    assert.equal((await bench.room.db.all('SELECT trace_id FROM trace_links WHERE target = ?', [run_id])).length, 1)
    await refused(
      linkPrompts(bench.room, blue, own, [{ name: 'a', version: '1' }]),
      'RESOURCE_DOES_NOT_EXIST',
      /not found/,
    )
  })
}
