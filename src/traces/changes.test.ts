/** MLflow's calls that change traces, in both versions of its protocol: tags, deletion, links, assessments, and who may. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { assertRefused, FORBIDDEN, INVALID, MISSING, partOf } from '../../test/mlflow-calls.ts'
import { placeOf, serveTraces, START, START_MS, V2, V3 } from './http.fixture.ts'
import type { ServedTraces } from './http.fixture.ts'

describe('changes of traces over HTTP', () => {
  let traces: ServedTraces
  before(async () => {
    traces = await serveTraces(['admin', 'viewer', 'service'])
  })
  after(() => traces.stop())

  const call: ServedTraces['call'] = (...given) => traces.call(...given)
  const tagsOf = async (id: string) =>
    partOf(await call('GET', `${V3}/${id}`), 'trace', 'trace_info', 'tags') as Record<string, string>
  /** Ids of the traces of an experiment that fit. */
  const find = async (experiment: string, filter?: string) => {
    const found = await call('POST', `${V3}/search`, { locations: [placeOf(experiment)], filter })
    return (partOf(found, 'traces') as { trace_id: string }[]).map((trace) => trace.trace_id)
  }

  for (const version of [V2, V3]) {
    describe(`changes by ${version}`, () => {
      it('tags are set, without a value as the empty text, and removed', async () => {
        const id = await traces.newTrace()
        assert.deepEqual((await call('PATCH', `${version}/${id}/tags`, { key: 'a', value: '1' })).body, {})
        await call('PATCH', `${version}/${id}/tags`, { key: 'b' })
        const { a, b } = await tagsOf(id)
        assert.deepEqual([a, b], ['1', ''])
        assert.deepEqual((await call('DELETE', `${version}/${id}/tags`, { key: 'a' })).body, {})
        assert.equal('a' in (await tagsOf(id)), false)
        await assertRefused(call('DELETE', `${version}/${id}/tags`, { key: 'a' }), MISSING, /No trace tag with key 'a'/)
        await assertRefused(call('PATCH', `${version}/${id}/tags`, { value: 'x' }), INVALID, /'key'/)
      })

      it('a value of a tag is cut to 8000 characters, a name of one is refused beyond 250', async () => {
        const id = await traces.newTrace()
        await call('PATCH', `${version}/${id}/tags`, { key: 'k'.repeat(250), value: `${'x'.repeat(7999)}😀y` })
        const value = (await tagsOf(id))['k'.repeat(250)] ?? ''
        assert.equal(value, `${'x'.repeat(7999)}😀`)
        const long = call('PATCH', `${version}/${id}/tags`, { key: 'k'.repeat(251), value: '' })
        await assertRefused(long, INVALID, /maximum length of 250/)
      })

      it('traces are deleted by time and by id', async () => {
        const experiment_id = await traces.newExperiment()
        const ids: string[] = []
        for (const at of [0, 1, 2]) ids.push(await traces.newTrace({ experiment: experiment_id, at }))
        const remove = (more: object) => call('POST', `${version}/delete-traces`, { experiment_id, ...more })
        assert.deepEqual((await remove({ max_timestamp_millis: START_MS + 5, max_traces: 1 })).body, {
          traces_deleted: 1,
        })
        assert.deepEqual((await remove({ request_ids: [ids[2]] })).body, { traces_deleted: 1 })
        assert.deepEqual((await remove({ request_ids: [ids[2]] })).body, { traces_deleted: 0 })
        assert.deepEqual(await find(experiment_id), [ids[1]])
        for (const [more, text] of [
          [{}, /Either `max_timestamp_millis`/],
          [{ max_timestamp_millis: 1, request_ids: ['a'] }, /Only one of/],
          [{ request_ids: ['a'], max_traces: 1 }, /`max_traces` can't be specified/],
          [{ max_timestamp_millis: 1, max_traces: 0 }, /positive integer, received 0/],
          [{ request_ids: ['a'], experiment_id: undefined }, /'experiment_id'/],
        ] as const) {
          await assertRefused(remove(more), INVALID, text)
        }
        await assertRefused(remove({ experiment_id: '999999', request_ids: ['a'] }), MISSING, /999999/)
      })

      it('traces are linked to runs and to prompts', async () => {
        const own = await traces.newExperiment()
        const [run_id, id] = [await traces.newRun(own), await traces.newTrace({ experiment: own })]
        assert.deepEqual((await call('POST', `${version}/link-to-run`, { trace_ids: [id], run_id })).body, {})
        const prompt_versions = [{ name: 'ask', version: 3 }]
        assert.deepEqual((await call('POST', `${version}/link-prompts`, { trace_id: id, prompt_versions })).body, {})
        assert.deepEqual(await find(own, `run_id = '${run_id}' AND prompt = 'ask/3'`), [id])
        const none = call('POST', `${version}/link-to-run`, { trace_ids: [id], run_id: 'none' })
        await assertRefused(none, MISSING, /Run with id=none not found/)
        const lost = call('POST', `${version}/link-prompts`, { trace_id: 'tr-none', prompt_versions })
        await assertRefused(lost, MISSING, /'tr-none' not found/)
        const bare = call('POST', `${version}/link-prompts`, { trace_id: id, prompt_versions: [{ name: 'ask' }] })
        await assertRefused(bare, INVALID, /prompt_versions\[0\]\.version/)
      })
    })
  }

  it('an assessment is made, read, changed by a mask in either form, and removed', async () => {
    const id = await traces.newTrace()
    const path = `${V3}/${id}/assessments`
    const assessment = {
      assessment_name: 'good',
      feedback: { value: 3 },
      source: { source_type: 'HUMAN', source_id: 'ann' },
      create_time: START,
    }
    const created = await call('POST', path, { assessment })
    const { assessment_id, ...rest } = partOf(created, 'assessment') as Record<string, unknown>
    assert.match(String(assessment_id), /^a-[0-9a-f]{32}$/)
    assert.deepEqual(rest, { ...assessment, trace_id: id, last_update_time: START, valid: true })
    const one = `${path}/${String(assessment_id)}`
    assert.deepEqual((await call('GET', one, {}, 'viewer')).body, created.body)
    const change = (update_mask: unknown, more: object) => call('PATCH', one, { assessment: more, update_mask })
    const renamed = await change('assessment_name', { assessment_name: 'better', rationale: 'not named by the mask' })
    assert.deepEqual(
      [partOf(renamed, 'assessment', 'assessment_name'), partOf(renamed, 'assessment', 'rationale')],
      ['better', undefined],
    )
    const changed = await change({ paths: ['feedback', 'rationale'] }, { feedback: { value: 4 }, rationale: 'why' })
    assert.deepEqual(
      [partOf(changed, 'assessment', 'feedback'), partOf(changed, 'assessment', 'rationale')],
      [{ value: 4 }, 'why'],
    )
    const info = await call('GET', `${V3}/${id}`)
    assert.deepEqual(partOf(info, 'trace', 'trace_info', 'assessments'), [partOf(changed, 'assessment')])
    await assertRefused(change('source', {}), INVALID, /'source' for parameter 'update_mask'/)
    await assertRefused(change(undefined, {}), INVALID, /'update_mask'/)
    await assertRefused(call('POST', path, {}), INVALID, /'assessment'/)
    assert.deepEqual((await call('DELETE', one)).body, {})
    await assertRefused(call('GET', one), MISSING, /not found for trace/)
    await assertRefused(call('GET', `${V3}/tr-none/assessments/a-1`), MISSING, /'tr-none' not found/)
  })

  it('who may only look changes nothing, and a program that predicts does not look', async () => {
    const id = await traces.newTrace()
    const run_id = await traces.newRun('0')
    const writes = [V2, V3].flatMap((version): (readonly [string, string, object])[] => [
      ['POST', version, { trace: {} }],
      ['PATCH', `${version}/${id}/tags`, { key: 'a', value: '1' }],
      ['DELETE', `${version}/${id}/tags`, { key: 'mlflow.traceName' }],
      ['POST', `${version}/delete-traces`, { experiment_id: '0', request_ids: [id] }],
      ['POST', `${version}/link-to-run`, { trace_ids: [id], run_id }],
      ['POST', `${version}/link-prompts`, { trace_id: id, prompt_versions: [{ name: 'a', version: '1' }] }],
    ])
    const ofAssessments = [
      ['POST', `${V3}/${id}/assessments`, { assessment: {} }],
      ['PATCH', `${V3}/${id}/assessments/a-1`, { assessment: {}, update_mask: 'valid' }],
      ['DELETE', `${V3}/${id}/assessments/a-1`, {}],
      ['PATCH', `${V2}/${id}`, {}],
    ] as const
    for (const [method, path, sent] of [...writes, ...ofAssessments]) {
      await assertRefused(call(method, path, sent, 'viewer'), FORBIDDEN, /viewer/)
    }
    await assertRefused(call('GET', `${V3}/${id}`, {}, 'service'), FORBIDDEN, /service/)
    assert.equal((await tagsOf(id))['mlflow.traceName'], 'work')
  })
})
