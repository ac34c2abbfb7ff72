/** Cases: issues of traces. Changed in part, the gravest first over all pages, seen in their project alone. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { refused } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { createExperiment, setExperimentStage } from '../experiments.ts'
import { createIssue, getIssue, searchIssues, updateIssue } from './issues.ts'

export function issueCases(bench: Bench): void {
  describe('issues of traces', () => {
    let experiment = ''
    const GIVEN = {
      name: 'wrong answer',
      description: 'says 5 for 2 + 2',
      status: undefined,
      severity: undefined,
      root_causes: ['prompt'],
      categories: ['correctness', 'maths'],
      source_run_id: undefined,
      created_by: undefined,
    }
    const make = (more: object = {}, who = bench.root) =>
      createIssue(bench.room, who, { ...GIVEN, experiment_id: experiment, ...more })
    const ASKED = {
      experiment_id: undefined,
      filter_string: undefined,
      max_results: 100,
      page_token: undefined,
      include_trace_count: false,
    }
    const find = (more: object = {}, who = bench.root) =>
      searchIssues(bench.room, who, { ...ASKED, experiment_id: experiment, ...more })

    before(async () => {
      experiment = await createExperiment(bench.room, bench.root, { name: 'with issues' })
    })

    it('come back as they were made', async () => {
      const made = await make({ severity: 'high', source_run_id: 'r1' })
      assert.deepEqual(await getIssue(bench.room, bench.root, made.issue_id), made)
      assert.deepEqual(
        [made.status, made.severity, made.root_causes, made.categories, made.source_run_id],
        ['pending', 'high', ['prompt'], ['correctness', 'maths'], 'r1'],
      )
      assert.equal(made.trace_count, undefined)
    })

    it('are changed in part, with a later time', async () => {
      const made = await make()
      bench.wait(5)
      const NONE = { name: undefined, description: undefined, status: undefined, severity: undefined }
      const changed = await updateIssue(bench.room, bench.root, made.issue_id, { ...NONE, status: 'resolved' })
      assert.deepEqual(changed, {
        ...made,
        status: 'resolved',
        last_updated_timestamp: made.last_updated_timestamp + 5,
      })
      const word = updateIssue(bench.room, bench.root, made.issue_id, { ...NONE, status: 'sleeping' })
      await refused(word, 'INVALID_PARAMETER_VALUE', /expected one of pending, rejected, resolved/)
      const none = updateIssue(bench.room, bench.root, 'iss-none', NONE)
      await refused(none, 'RESOURCE_DOES_NOT_EXIST', /Issue with ID 'iss-none' not found/)
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
      await make({ status: 'resolved', source_run_id: 'a' })
      await make({ status: 'rejected' })
      const count = async (filter_string: string) => (await find({ filter_string })).issues.length
      assert.equal(await count("status = 'resolved'"), 1)
      assert.equal(await count("status != 'resolved'"), 1)
      assert.equal(await count('source_run_id IS NULL'), 1)
      assert.equal(await count("source_run_id = 'a' AND status = 'rejected'"), 0)
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
      const { issues } = await find({ include_trace_count: true })
      assert.equal(issues.find((one) => one.issue_id === made.issue_id)?.trace_count, 2)
    })

    it('another project sees none of them, a deleted experiment takes no more', async () => {
      const red = bench.member('red')
      const own = await createExperiment(bench.room, red, { name: 'issues of red' })
      const made = await make({ experiment_id: own }, red)
      const blue = bench.member('blue')
      await refused(getIssue(bench.room, blue, made.issue_id), 'RESOURCE_DOES_NOT_EXIST', /not found/)
      await refused(find({ experiment_id: own }, blue), 'RESOURCE_DOES_NOT_EXIST', /No Experiment/)
      assert.deepEqual((await find({ experiment_id: undefined }, blue)).issues, [])
      await setExperimentStage(bench.room, red, own, 'deleted')
      await refused(make({ experiment_id: own }, red), 'INVALID_PARAMETER_VALUE', /'active' state/)
    })

    it('bad words and sizes are refused', async () => {
      await refused(make({ name: ' ' }), 'INVALID_PARAMETER_VALUE', /cannot be empty/)
      await refused(make({ severity: 'grave' }), 'INVALID_PARAMETER_VALUE', /severity 'grave'/)
      await refused(make({ name: 'x'.repeat(251) }), 'INVALID_PARAMETER_VALUE', /name/)
      await refused(make({ categories: ['x'.repeat(20_001)] }), 'INVALID_PARAMETER_VALUE', /categories/)
      await refused(make({ experiment_id: '999999' }), 'RESOURCE_DOES_NOT_EXIST', /No Experiment/)
    })
  })
}
