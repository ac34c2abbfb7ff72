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
