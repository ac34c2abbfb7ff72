/** Cases: issues of traces. Changed in part, searched by every field, in any order over all pages, seen in their project alone. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { refused } from '../../tracking/bench.cases.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { createExperiment, setExperimentStage } from '../../tracking/experiments/experiments.ts'
import { createRun } from '../../tracking/runs/runs.ts'
import type { GivenIssue } from './fields.ts'
import { createIssue, getIssue, updateIssue } from './issues.ts'
import type { NewIssue } from './issues.ts'
import { searchIssues } from './search.ts'
import type { IssueSearch } from './search.ts'

export function issueCases(bench: Bench): void {
  describe('issues of traces', () => {
    let experiment = ''
    const GIVEN = {
      name: 'wrong answer',
      description: 'says 5 for 2 + 2',
      root_causes: ['prompt'],
      categories: ['correctness', 'maths'],
    }
    const make = (more: Partial<NewIssue> = {}, who = bench.root) =>
      createIssue(bench.room, who, { ...GIVEN, experiment_id: experiment, ...more })
    const find = (more: Partial<IssueSearch> = {}, who = bench.root) =>
      searchIssues(bench.room, who, { max_results: 100, experiment_id: experiment, ...more })
    const names = async (more: Partial<IssueSearch>) => (await find(more)).issues.map((one) => one.name)
    const newRun = async () => (await createRun(bench.room, bench.root, { experiment_id: experiment })).run_id

    before(async () => {
      experiment = await createExperiment(bench.room, bench.root, { name: 'with issues' })
    })

    it('come back as they were made', async () => {
      const source_run_id = await newRun()
      const metadata = { team: 'a', link: 'https://example.org' }
      const made = await make({ issue_id: 'iss-my_own-1', severity: 'high', source_run_id, metadata })
      assert.deepEqual(await getIssue(bench.room, bench.root, 'iss-my_own-1'), made)
      assert.deepEqual(
        [made.status, made.severity, made.root_causes, made.categories, made.source_run_id, made.metadata],
        ['pending', 'high', ['prompt'], ['correctness', 'maths'], source_run_id, metadata],
      )
      assert.deepEqual([made.created_by, made.last_updated_by], ['root', 'root'])
      assert.equal(made.last_seen_timestamp, made.created_timestamp)
      assert.equal(made.trace_count, undefined)
      const again = make({ issue_id: 'iss-my_own-1', name: 'other' })
      await refused(again, 'RESOURCE_ALREADY_EXISTS', /'iss-my_own-1' already exists/)
      assert.equal((await getIssue(bench.room, bench.root, 'iss-my_own-1')).name, made.name)
    })

    it('name a run of their own experiment', async () => {
      const source_run_id = await newRun()
      const other = await createExperiment(bench.room, bench.root, { name: 'without the run' })
      await refused(make({ source_run_id: 'none' }), 'RESOURCE_DOES_NOT_EXIST', /Run with id=none not found/)
      await refused(make({ source_run_id, experiment_id: other }), 'INVALID_PARAMETER_VALUE', /of the experiment/)
    })

    it('are changed in part, with a later time', async () => {
      const made = await make()
      bench.wait(5)
      const change = (given: GivenIssue & object) => updateIssue(bench.room, bench.root, made.issue_id, given)
      assert.deepEqual(await change({ status: 'resolved' }), {
        ...made,
        status: 'resolved',
        last_updated_timestamp: made.last_updated_timestamp + 5,
      })
      await refused(change({ status: 'sleeping' }), 'INVALID_PARAMETER_VALUE', /expected one of pending, rejected, res/)
      const none = updateIssue(bench.room, bench.root, 'iss-none', {})
      await refused(none, 'RESOURCE_DOES_NOT_EXIST', /Issue with ID 'iss-none' not found/)
    })

    it('have their categories replaced, their metadata merged, and are never seen earlier than before', async () => {
      const { issue_id, last_seen_timestamp: seen } = await make({ metadata: { a: '1', b: '2' } })
      const change = (given: Parameters<typeof updateIssue>[3]) => updateIssue(bench.room, bench.root, issue_id, given)
      const changed = await change({
        categories: ['late', 'late'],
        metadata: { b: '3', c: '4' },
        delete_metadata_keys: ['a', 'none'],
        last_seen_timestamp: seen + 7,
        last_updated_by: 'ann',
      })
      assert.deepEqual([changed.categories, changed.metadata], [['late'], { b: '3', c: '4' }])
      assert.deepEqual([changed.last_seen_timestamp, changed.last_updated_by], [seen + 7, 'ann'])
      const later = await change({ categories: [], description: '', last_seen_timestamp: seen })
      assert.deepEqual([later.categories, later.description, later.last_seen_timestamp], [[], '', seen + 7])
      assert.equal(later.last_updated_by, 'root')
      const torn = change({ metadata: { b: 'x' }, delete_metadata_keys: ['b'] })
      await refused(torn, 'INVALID_PARAMETER_VALUE', /same key of the metadata: 'b'/)
      const many = Object.fromEntries(Array.from({ length: 99 }, (_, at) => [`k${at}`, '']))
      await refused(change({ metadata: many }), 'INVALID_PARAMETER_VALUE', /metadata can have at most 100/)
    })

    it('the gravest come first over all pages, each once', async () => {
      experiment = await createExperiment(bench.room, bench.root, { name: 'many issues' })
      for (const severity of ['low', 'high', undefined, 'not_an_issue', 'medium', 'high', 'low']) {
        await make({ severity })
        bench.wait(1)
      }
      const found: { severity?: string; created_timestamp: number; issue_id: string }[] = []
      let page_token: string | undefined
      do {
        const page = await find({ max_results: 2, page_token })
        found.push(...page.issues)
        page_token = page.next_page_token || undefined
      } while (page_token !== undefined)
      assert.deepEqual(
        found.map((one) => one.severity),
        ['high', 'high', 'medium', 'low', 'low', 'not_an_issue', undefined],
      )
      assert.equal(new Set(found.map((one) => one.issue_id)).size, 7)
      assert.ok(
        (found[0]?.created_timestamp ?? 0) > (found[1]?.created_timestamp ?? 0),
        'the newest of the same gravity',
      )
      const other = find({ max_results: 2, page_token: 'nonsense' })
      await refused(other, 'INVALID_PARAMETER_VALUE', /page token/)
    })

    it('are filtered by status and run, and nothing else', async () => {
      experiment = await createExperiment(bench.room, bench.root, { name: 'filtered issues' })
      const run = await newRun()
      await make({ status: 'resolved', source_run_id: run })
      await make({ status: 'rejected' })
      const count = async (filter_string: string) => (await find({ filter_string })).issues.length
      assert.equal(await count("status = 'resolved'"), 1)
      assert.equal(await count("status != 'resolved'"), 1)
      assert.equal(await count('source_run_id IS NULL'), 1)
      assert.equal(await count(`source_run_id = '${run}' AND status = 'rejected'`), 0)
      for (const bad of ["name = 'x'", "status > 'a'", "status LIKE 'a'", 'nonsense']) {
        await assert.rejects(find({ filter_string: bad }), bad)
      }
    })

    it('count their traces where that is asked', async () => {
      const made = await make()
      const trace = (id: string) =>
        bench.room.db.tx((t) =>
          t.run(
            `INSERT INTO trace_assessments (assessment_id, trace_id, name, position, kind, source_type, source_id, valid, created_ms, updated_ms, value)
              VALUES (?, ?, ?, 0, 'issue', 'HUMAN', 'a', 1, 0, 0, 'true')`,
            [`as-${id}`, `tr-${id}`, made.issue_id],
          ),
        )
      await trace('1')
      await trace('2')
      await make({ name: 'newer, without traces' })
      const { issues } = await find({ include_trace_count: true })
      assert.deepEqual([issues[0]?.issue_id, issues[0]?.trace_count], [made.issue_id, 2])
      assert.ok(issues.slice(1).every((one) => one.trace_count === 0))
    })

    it('are found by a part of the name, by words of lists, and counted', async () => {
      experiment = await createExperiment(bench.room, bench.root, { name: 'issues by field' })
      await make({ name: 'Slow 100% of the time', severity: 'high', categories: [' Latency ', 'CÔTÉ'] })
      await make({ name: 'slow_start', severity: 'low', status: 'resolved', categories: [] })
      await make({ name: 'wrong', categories: ['correctness'] })
      const newest = ['Slow 100% of the time', 'slow_start', 'wrong']
      assert.deepEqual(await names({}), newest)
      assert.deepEqual(await names({ name: 'SLOW' }), newest.slice(0, 2))
      assert.deepEqual(await names({ name: '0%' }), newest.slice(0, 1))
      assert.deepEqual(await names({ name: '_' }), newest.slice(1, 2))
      assert.deepEqual(await names({ statuses: ['pending', 'rejected'] }), [newest[0], 'wrong'])
      assert.deepEqual(await names({ severities: ['low', 'high'], name: 'start' }), ['slow_start'])
      assert.deepEqual(await names({ categories: ['latency', 'none'] }), newest.slice(0, 1))
      assert.deepEqual(await names({ categories: ['CÔTÉ', ' Correctness'] }), [newest[0], 'wrong'])
      assert.deepEqual(await names({ categories: ['late'] }), [])
      const page = await find({ max_results: 1, include_total_count: true, name: 'slow' })
      assert.deepEqual([page.issues.length, page.total_count], [1, 2])
      const next = await find({
        max_results: 1,
        include_total_count: true,
        name: 'slow',
        page_token: page.next_page_token,
      })
      assert.deepEqual([next.issues[0]?.name, next.next_page_token, next.total_count], ['slow_start', '', 2])
      assert.equal((await find()).total_count, undefined)
    })

    it('come in the order that is asked for, over all pages, also when one is deleted between them', async () => {
      experiment = await createExperiment(bench.room, bench.root, { name: 'issues in order' })
      const given = [
        ['b', 'low', 'resolved', 30],
        ['C', 'high', 'pending', 10],
        ['a', 'high', 'rejected', 20],
        ['d', undefined, 'pending', 40],
      ] as const
      for (const [name, severity, status, last_seen_timestamp] of given) {
        await make({ name, severity, status, last_seen_timestamp })
        bench.wait(1)
      }
      const ordered = async (order_by: string[]) => (await names({ order_by })).join('')
      assert.equal(await ordered(['name']), 'abCd')
      assert.equal(await ordered(['name DESC']), 'dCba')
      assert.equal(await ordered(['severity desc', 'name asc']), 'aCbd')
      assert.equal(await ordered(['status', 'created_timestamp DESC']), 'dCab')
      assert.equal(await ordered(['last_seen_timestamp']), 'Cabd')
      assert.equal(await ordered(['last_updated_timestamp DESC']), 'daCb')
      const first = await find({ order_by: ['name'], max_results: 2 })
      await bench.room.db.tx((t) =>
        t.run("DELETE FROM trace_issues WHERE experiment_id = ? AND name = 'a'", [experiment]),
      )
      const rest = await find({ order_by: ['name'], max_results: 2, page_token: first.next_page_token })
      assert.equal(rest.issues.map((one) => one.name).join(''), 'Cd')
      const other = find({ order_by: ['name DESC'], max_results: 2, page_token: first.next_page_token })
      await refused(other, 'INVALID_PARAMETER_VALUE', /another query/)
      for (const bad of ['', 'color', 'name up', 'name; DROP', 'constructor']) {
        await assert.rejects(find({ order_by: [bad] }), bad)
      }
    })

    it('come without their long parts where that is asked', async () => {
      experiment = await createExperiment(bench.room, bench.root, { name: 'basic issues' })
      const made = await make({ metadata: { a: 'b' } })
      const { issues } = await find({ view: 'basic' })
      assert.deepEqual(issues, [{ ...made, description: '', root_causes: [], metadata: {} }])
      assert.deepEqual((await find({ view: 'full' })).issues, [made])
      await refused(find({ view: 'all' }), 'INVALID_PARAMETER_VALUE', /basic, full/)
    })

    it('another project sees none of them, a deleted experiment takes no more', async () => {
      const red = bench.member('red')
      const own = await createExperiment(bench.room, red, { name: 'issues of red' })
      const made = await make({ experiment_id: own }, red)
      const blue = bench.member('blue')
      await refused(getIssue(bench.room, blue, made.issue_id), 'RESOURCE_DOES_NOT_EXIST', /not found/)
      for (const experiment_id of [own, '999999', undefined]) {
        assert.deepEqual((await find({ experiment_id, include_total_count: true }, blue)).total_count, 0)
      }
      assert.equal((await find({ experiment_id: own }, red)).issues.length, 1)
      await setExperimentStage(bench.room, red, own, 'deleted')
      await refused(make({ experiment_id: own }, red), 'INVALID_PARAMETER_VALUE', /'active' state/)
    })

    it('bad words and sizes are refused', async () => {
      await refused(make({ name: ' ' }), 'INVALID_PARAMETER_VALUE', /cannot be empty/)
      await refused(make({ severity: 'grave' }), 'INVALID_PARAMETER_VALUE', /severity 'grave'/)
      await refused(make({ name: 'x'.repeat(251) }), 'INVALID_PARAMETER_VALUE', /name/)
      await refused(make({ categories: ['x'.repeat(20_001)] }), 'INVALID_PARAMETER_VALUE', /categories/)
      await refused(make({ categories: Array<string>(101).fill('x') }), 'INVALID_PARAMETER_VALUE', /at most 100/)
      await refused(make({ metadata: { '': 'x' } }), 'INVALID_PARAMETER_VALUE', /empty entry/)
      await refused(make({ metadata: { a: 'x'.repeat(65_537) } }), 'INVALID_PARAMETER_VALUE', /metadata\.a/)
      await refused(make({ last_seen_timestamp: -1 }), 'INVALID_PARAMETER_VALUE', /last_seen_timestamp/)
      for (const issue_id of ['mine', 'iss-', 'iss-a b', `iss-${'x'.repeat(33)}`, 'iss-a\n']) {
        await refused(make({ issue_id }), 'INVALID_PARAMETER_VALUE', /Invalid issue_id/)
      }
      for (const bad of [{ statuses: ['open'] }, { severities: ['grave'] }, { name: 'x'.repeat(251) }]) {
        await refused(find(bad), 'INVALID_PARAMETER_VALUE', /open|grave|name/)
      }
      await refused(make({ experiment_id: '999999' }), 'RESOURCE_DOES_NOT_EXIST', /No Experiment/)
    })
  })
}
