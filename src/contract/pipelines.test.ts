/** Schemas of pipelines at their edges: versions, runs, sources of code, logs and reproduction. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ABSENT, copies, defaults, edges } from './edges.cases.ts'
import { ATTEMPT_STATES, FAILURES, PipelineRunRow, pipelinesApi, RUN_STATES, STEP_STATES } from './pipelines.ts'
import { digest } from './values/digest.ts'
import { CodeSource, PATCH_BYTES } from './values/code-source.ts'

const text = (size: number): string => 'x'.repeat(size)
const HASH = `sha256:${'0123456789abcdef'.repeat(4)}`

describe('a digest', () => {
  for (const [value, good] of [
    [HASH, true],
    [HASH.toUpperCase(), false],
    [HASH.replace('sha256', 'sha512'), false],
    [HASH.slice(7), false],
    [HASH.slice(0, -1), false],
    [`${HASH}0`, false],
    [`${HASH}\n`, false],
    [` ${HASH}`, false],
    [HASH.replace('0', 'g'), false],
    ['', false],
    [null, false],
  ] as const)
    test(`${JSON.stringify(value)} is ${good ? 'one' : 'none'}`, () =>
      assert.equal(digest.safeParse(value).success, good))
})

edges('the code of a version', CodeSource, { commit: 'a'.repeat(40) }, [
  [
    'commit',
    ['0'.repeat(40), 'f'.repeat(64)],
    ['a'.repeat(39), 'a'.repeat(65), 'A'.repeat(40), 'main', '', null, ABSENT],
  ],
  ['branch', ['main', 'feature/x', text(512), ABSENT], [text(513), 5, null]],
  ['patch', ['', 'aGk=', Buffer.alloc(PATCH_BYTES).toString('base64'), ABSENT], ['not base64!', 'aGk', null]],
  ['patch_digest', [HASH, ABSENT], ['abc', null]],
  ['untracked', [[], [text(1024)], copies(1000, 'a'), ABSENT], [[text(1025)], copies(1001, 'a'), 'a', null]],
  ['author', [], ['ann']],
])

test('a patch of one byte more than is kept is refused', () => {
  const patch = Buffer.alloc(PATCH_BYTES + 3).toString('base64')
  assert.ok(!CodeSource.safeParse({ commit: 'a'.repeat(40), patch }).success)
})

edges('a version of a pipeline', pipelinesApi.createPipelineVersion.body, { text: 'project: x', tree: HASH }, [
  ['text', ['a', text(1_000_000)], ['', text(1_000_001), 5, ABSENT]],
  ['tree', [], ['abc', '', null, ABSENT]],
  ['file', ['', text(1024), ABSENT], [text(1025), null]],
  ['source', [{ commit: 'a'.repeat(40) }, ABSENT], [{}, null]],
])
defaults(
  'a version of a pipeline',
  pipelinesApi.createPipelineVersion.body,
  { text: 'a', tree: HASH },
  {
    text: 'a',
    tree: HASH,
    file: 'slipway.yaml',
  },
)

edges('a run of a pipeline', pipelinesApi.createPipelineRun.body, { project: 'flights' }, [
  ['project', ['a', ABSENT], ['', 'a b', '../a', null]],
  ['pipeline_version', ['pv_1', ABSENT], ['', text(129), null]],
  ['params', [{}, { train: { depth: 3, list: [1, null] } }, ABSENT], [{ train: 3 }, [], null]],
  ['from', ['train', ABSENT], ['', 'a b', null]],
  ['force', [true, false, ABSENT], ['true', 1, null]],
  ['register', [true, false, ABSENT], [0, null]],
  ['deploy', [true, false, ABSENT], ['no', null]],
  ['trigger', ['manual', 'reaction', 'merge', ABSENT], ['schedule', 'reproduce', '', null]],
])
defaults(
  'a run of a pipeline',
  pipelinesApi.createPipelineRun.body,
  { project: 'flights' },
  {
    project: 'flights',
    params: {},
    force: false,
    register: true,
    strict: false,
    set: {},
    deploy: false,
    trigger: 'manual',
  },
)

edges('a list of runs', pipelinesApi.listPipelineRuns.query, {}, [
  ['state', [...RUN_STATES, ABSENT], ['done', '', null]],
  ['project', ['a', ABSENT], ['', 'a b']],
  ['limit', ['1', '1000'], ['0', '1001', 'x']],
])

edges('logs of an attempt', pipelinesApi.followLogs.query, {}, [
  ['attempt', ['1', '99', ABSENT], ['0', '-1', '1.5', 'last']],
])

edges('a step of a run', pipelinesApi.explainStep.params, { id: 'run_1', step: 'train' }, [
  ['step', ['a', 'a.b-c_d'], ['', 'a/b', '.a', ABSENT]],
  ['id', [text(128)], ['', text(129), ABSENT]],
])

edges('a file of an output', pipelinesApi.readOutputFile.query, {}, [['path', ['', text(4096), ABSENT], [text(4097)]]])
defaults('a file of an output', pipelinesApi.readOutputFile.query, {}, { path: '' })

edges('a reproduction', pipelinesApi.reproducePipelineRun.body, {}, [
  ['tolerance', [0, 1, 1e-12, ABSENT], [-1e-9, 1.1, '0', null]],
  ['dry_run', [true, false, ABSENT], ['true', null]],
])
defaults('a reproduction', pipelinesApi.reproducePipelineRun.body, {}, { tolerance: 1e-9, dry_run: false })

test('states that clients rely on', () => {
  assert.deepEqual([...RUN_STATES], ['waiting', 'preparing', 'running', 'succeeded', 'failed', 'cancelled'])
  assert.ok((['succeeded', 'failed', 'cancelled'] as const).every((state) => STEP_STATES.includes(state)))
  assert.ok(ATTEMPT_STATES.includes('lost'))
  assert.deepEqual(
    new Set(FAILURES),
    new Set(['user', 'environment', 'out_of_memory', 'timeout', 'infrastructure', 'preempted', 'no_place']),
  )
})

test('a row of a list has the states of its steps, not their details', () => {
  const row = {
    id: 'run_1',
    project: 'flights',
    pipeline_version: 'pv_1',
    state: 'running',
    outcome: null,
    message: '',
    trigger: 'manual',
    created_at: '2026-05-03T00:00:00Z',
    created_by: 'ann',
    started_at: null,
    finished_at: null,
    duration_ms: null,
    registered: null,
    steps: { train: 'running' },
  }
  assert.ok(PipelineRunRow.safeParse(row).success)
  assert.ok(!PipelineRunRow.safeParse({ ...row, steps: [] }).success)
  assert.ok(!PipelineRunRow.safeParse({ ...row, steps: { train: 'lost' } }).success)
})
