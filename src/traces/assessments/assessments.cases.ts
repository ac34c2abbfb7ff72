/** Cases: feedback and expectations, changed, overridden, removed. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { refused } from '../../tracking/bench.cases.ts'
import { readAssessment, wireAssessment } from './wire.ts'
import { createAssessment, deleteAssessment, getAssessment, updateAssessment } from './assessments.ts'
import { readInfo, startTrace } from '../start.ts'
import { newTrace, span } from '../bench.cases.ts'
import type { TraceBench } from '../bench.cases.ts'

export function assessmentCases(bench: TraceBench): void {
  const source = { source_type: 'HUMAN', source_id: 'a@b.c' }
  const make = async (traceId: string, given: object) =>
    createAssessment(bench.room, bench.root, traceId, readAssessment({ source, ...given }))
  const newOne = async () => (await bench.send(await bench.experiment(), [span(newTrace(), '01'.repeat(8))]))[0] ?? ''

  describe('assessments', () => {
    it('come back in the order in which they were made, with values of every kind', async () => {
      const id = await newOne()
      const values = [true, 4, 0.5, 'good', ['a'], { rating: 4 }, null]
      for (const [index, value] of values.entries()) {
        await make(id, { assessment_name: `f${index}`, feedback: { value } })
      }
      await make(id, { assessment_name: 'e', expectation: { value: { passed: true } } })
      const { assessments } = await readInfo(bench.room, bench.root, id)
      const wire = assessments.map((row) => wireAssessment(row) as Record<string, { value?: unknown }>)
      assert.deepEqual(
        wire.slice(0, -1).map((one) => one['feedback']?.value),
        values,
      )
      assert.deepEqual(wire.at(-1)?.['expectation'], {
        serialized_value: { serialization_format: 'JSON_FORMAT', value: '{"passed":true}' },
      })
      assert.deepEqual(wire[0]?.['source'], source)
    })

    it('given with the record of a trace are there once, however often the record comes', async () => {
      const { room, root } = bench
      const experiment = await bench.experiment()
      const trace_id = `tr-${newTrace()}`
      const send = (assessments: object[]) =>
        startTrace(room, root, {
          trace_id,
          experiment_id: experiment,
          start_ms: 1,
          state: 'OK',
          metadata: {},
          tags: {},
          assessments: assessments.map((one) => readAssessment({ source, ...one })),
        })
      const good = { assessment_id: `a-${newTrace()}`, assessment_name: 'good', feedback: { value: true } }
      const first = await send([good, { ...good, assessment_id: `a-${newTrace()}`, assessment_name: 'fast' }])
      assert.equal(first.assessments.length, 2)
      const again = await send([{ ...good, feedback: { value: false }, rationale: 'on reflection' }])
      assert.deepEqual(
        again.assessments.map((one) => [one.name, one.value, one.rationale]),
        [
          ['good', 'false', 'on reflection'],
          ['fast', 'true', null],
        ],
      )
      const other = await newOne()
      const theirs = await make(other, { assessment_name: 'theirs', feedback: { value: 1 } })
      const stolen = send([{ ...good, assessment_id: theirs.assessment_id }])
      await refused(stolen, 'INVALID_PARAMETER_VALUE', /of another trace/)
      assert.equal((await getAssessment(room, root, other, theirs.assessment_id)).name, 'theirs')
    })

    it('are changed where the mask says so; metadata is added', async () => {
      const { room, root } = bench
      const traceId = await newOne()
      const made = await make(traceId, { assessment_name: 'q', feedback: { value: 1 }, metadata: { a: '1', b: '1' } })
      const where = { traceId, id: made.assessment_id }
      const given = readAssessment({
        assessmentName: 'r',
        feedback: { value: 2 },
        metadata: { b: '2' },
        rationale: 'x',
      })
      await updateAssessment(room, root, where, { given, mask: ['assessmentName', 'feedback', 'metadata'] })
      const now = await getAssessment(room, root, traceId, made.assessment_id)
      assert.deepEqual([now.name, now.value, now.number, now.rationale], ['r', '2', 2, null])
      assert.deepEqual(JSON.parse(now.metadata ?? ''), { a: '1', b: '2' })
      const wrong = { given: readAssessment({ expectation: { value: 1 } }), mask: ['expectation'] }
      await refused(updateAssessment(room, root, where, wrong), 'INVALID_PARAMETER_VALUE', /Cannot update expectation/)
      await refused(
        updateAssessment(room, root, where, { given, mask: ['source'] }),
        'INVALID_PARAMETER_VALUE',
        /'source'/,
      )
    })

    it('one that overrides another takes its place until it is removed', async () => {
      const { room, root } = bench
      const id = await newOne()
      const first = await make(id, { assessment_name: 'q', feedback: { value: 1 } })
      const second = await make(id, { assessment_name: 'q', feedback: { value: 3 }, overrides: first.assessment_id })
      assert.equal((await getAssessment(room, root, id, first.assessment_id)).valid, 0)
      await deleteAssessment(room, root, id, second.assessment_id)
      await deleteAssessment(room, root, id, second.assessment_id)
      assert.equal((await getAssessment(room, root, id, first.assessment_id)).valid, 1)
      await refused(
        getAssessment(room, root, id, second.assessment_id),
        'RESOURCE_DOES_NOT_EXIST',
        /Assessment with ID 'a-\w+' not found for trace/,
      )
      await refused(make(id, { feedback: { value: 1 }, overrides: 'no' }), 'RESOURCE_DOES_NOT_EXIST', /'no' not found/)
    })

    it('one that is removed is gone from its trace alone, and audited; one that was not there is not', async () => {
      const { room, root } = bench
      const [id, other] = [await newOne(), await newOne()]
      const [gone, left] = [
        await make(id, { assessment_name: 'gone', feedback: { value: 1 } }),
        await make(id, { assessment_name: 'left', expectation: { value: 1 } }),
      ]
      await deleteAssessment(room, root, other, gone.assessment_id)
      assert.equal((await getAssessment(room, root, id, gone.assessment_id)).name, 'gone', 'it is of another trace')
      await deleteAssessment(room, root, id, gone.assessment_id)
      await deleteAssessment(room, root, id, gone.assessment_id)
      assert.deepEqual(
        (await readInfo(room, root, id)).assessments.map((one) => one.assessment_id),
        [left.assessment_id],
      )
      const query = 'SELECT detail FROM audit WHERE resource_id = ?'
      const rows = await room.db.all<{ detail: string }>(query, [gone.assessment_id])
      assert.deepEqual(
        rows.map((row) => JSON.parse(row.detail) as unknown),
        [{ trace: id, deleted: 'feedback', name: 'gone' }],
      )
    })

    it('times are given with one or are now, and a change is of now', async () => {
      const { room, root } = bench
      const id = await newOne()
      const dated = await make(id, { feedback: { value: 1 }, create_time: '2001-01-01T00:00:00Z' })
      assert.deepEqual([dated.created_ms, dated.updated_ms, dated.name], [978_307_200_000, 978_307_200_000, 'feedback'])
      const now = await make(id, { feedback: { value: 1 } })
      assert.deepEqual([now.created_ms, now.position - dated.position], [room.clock(), 1])
      const change = { given: readAssessment({ valid: false }), mask: ['valid'] }
      const changed = await updateAssessment(room, root, { traceId: id, id: dated.assessment_id }, change)
      assert.deepEqual([changed.created_ms, changed.updated_ms, changed.valid], [978_307_200_000, room.clock(), 0])
      assert.deepEqual(await getAssessment(room, root, id, dated.assessment_id), changed)
    })

    it('texts that no database keeps are replaced, also deep in a value', async () => {
      const id = await newOne()
      const made = await make(id, { feedback: { value: { a: ['x\0'] }, error: { error_code: '\0' } } })
      const found = await getAssessment(bench.room, bench.root, id, made.assessment_id)
      assert.deepEqual(JSON.parse(found.value), { a: ['x\ufffd'] })
      assert.deepEqual(JSON.parse(found.error ?? ''), { error_code: '\ufffd' })
      await refused(make(id, { expectation: { value: null } }), 'INVALID_PARAMETER_VALUE', /`value` field must be/)
    })

    it('what is none is refused by name', async () => {
      const id = await newOne()
      await refused(make(id, { assessment_name: 'q' }), 'INVALID_PARAMETER_VALUE', /Exactly one of/)
      const both = { feedback: { value: 1 }, expectation: { value: 1 } }
      await refused(make(id, both), 'INVALID_PARAMETER_VALUE', /Exactly one of/)
      const odd = { feedback: { value: 1 }, source: { source_type: 'GHOST' } }
      await refused(make(id, odd), 'INVALID_PARAMETER_VALUE', /source_type/)
      await refused(make('tr-none', { feedback: { value: 1 } }), 'RESOURCE_DOES_NOT_EXIST', /not found/)
    })
  })
}
