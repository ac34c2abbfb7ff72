/** Params of the pipeline in a project file: faults where they stand, what steps take, and keys that do not know where a value comes from. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Problem } from '../../contract/errors.ts'
import { keysOf, specOf, type Files } from './edits.fixture.ts'
import { checkParams, checkSet, valuesOf, withSet } from './params.ts'
import { paramNotes } from './declared.ts'
import { parseProject, readProject } from './parse.ts'

const yaml = (params: string, step: string, more = ''): string => `project: p
python: {packages: []}
pipeline:
  params: ${params}
  steps:
    a: {run: "step:main", outputs: [o]${step}}
${more}`
const LR = '{lr: {type: float, default: 0.1, min: 0, max: 1, help: how fast}}'

function faults(params: string, step: string, more = ''): string[] {
  return readProject(yaml(params, step, more)).faults.map(({ line, key, message }) => `${line} ${key}: ${message}`)
}

describe('faults are told where they stand, all at once', () => {
  const cases: readonly (readonly [string, string, readonly RegExp[]])[] = [
    [LR, ', params: {lr: "{params.lr}"}', []],
    [
      LR,
      ', params: {lr: "{params.lt}"}',
      [/^6 pipeline\.steps\.a\.params\.lr: there is no param "lt" .*did you mean "lr"\?$/],
    ],
    [LR, ', params: {lr: "x {params.lr}"}', [/params\.lr: got "x \{params\.lr\}", expected "\{params\.lr\}" alone/]],
    [LR, ', params: {lr: ["{params.lr}"]}', [/params\.lr: got \["\{params\.lr\}"\], expected "\{params\.lr\}" alone/]],
    [
      '{lr: {type: flaot, default: 0.1}}',
      ', params: {lr: "{params.lr}"}',
      [/^4 pipeline\.params\.lr\.type: got "flaot", expected one of "string", "int"/],
    ],
    [
      '{lr: {type: float, default: 0.1, mim: 0}}',
      ', params: {lr: "{params.lr}"}',
      [/^4 pipeline\.params\.lr\.mim: unknown key; did you mean "min"/],
    ],
    ['{lr: 0.1}', ', params: {lr: "{params.lr}"}', [/^4 pipeline\.params\.lr: got 0\.1, expected keys with values/]],
    [
      '{1r: {type: int, default: 1}}',
      '',
      [/^4 pipeline\.params\.1r: the name "1r" is not accepted; expected a Python identifier/],
    ],
    ['{}', '', [/^4 pipeline\.params: got \{\}, expected at least one param/]],
    ['{n: {type: int, default: .nan}}', '', [/^4 pipeline\.params\.n\.default: got \.nan, expected a finite number/]],
    [
      '{lr: {type: float, default: 2, max: 1}, mode: {type: choice, default: full}}',
      ', params: {lr: "{params.lr}", m: "{params.mod}"}',
      [
        /lr\.default: got 2, expected a number of at most 1/,
        /mode\.choices: missing/,
        /there is no param "mod".*"mode"/,
      ],
    ],
  ]
  for (const [params, step, expected] of cases)
    test(`${params}${step}`, () => {
      const told = faults(params, step)
      assert.equal(told.length, expected.length, told.join('\n'))
      for (const [i, pattern] of expected.entries()) assert.match(told[i] ?? '', pattern)
    })

  test('what a retraining gives is held to the declaration', () => {
    const more = 'model: {name: m, from: a.o}\nendpoint: {name: e}\nmonitor: {retrain: {a: {lr: 5}}}\n'
    const told = faults(LR, ', params: {lr: "{params.lr}"}', more)
    assert.equal(told.length, 1, told.join('\n'))
    assert.match(told[0] ?? '', /^9 monitor\.retrain\.a\.lr: got 5, expected a number from 0 to 1, as the project file/)
  })
})

test('what does nothing is noted: a param that no step takes, a text that takes nothing', () => {
  const notes = (text: string): string[] => paramNotes(parseProject(text))
  assert.deepEqual(notes(yaml(LR, '')), [
    'pipeline.params.lr: no step takes it and no condition names it; a step takes it with "{params.lr}"',
  ])
  assert.deepEqual(notes(yaml(LR, ', params: {lr: "{params.lr}"}')), [])
  const bare = 'project: p\npipeline: {steps: {a: {run: "step:main", params: {x: "{params.lr}", y: v}}}}\n'
  assert.deepEqual(notes(bare), [
    'pipeline.steps.a.params.x: {params.lr} is handed over as that text: there are no pipeline.params',
  ])
  const item = 'project: p\npipeline: {steps: {a: {run: "step:main", params: {x: "{item.m}", y: "{item}s"}}}}\n'
  assert.deepEqual(notes(item), [
    'pipeline.steps.a.params.x: {item.m} is handed over as that text: the step has no for_each',
  ])
})

const files = (text: string): Files => ({ 'slipway.yaml': text, 'step.py': 'def main(**x): ...\n' })
const TAKES = ', params: {rate: "{params.lr}", n: 3}'

test('a key does not know where a value comes from, and nothing changes for projects without declared params', async () => {
  const plain =
    'project: p\npython: {packages: []}\npipeline: {steps: {a: {run: "step:main", outputs: [o], params: {rate: 0.1, n: 3}}}}\n'
  const [before, after] = await keysOf(['', files(plain), { 'slipway.yaml': yaml(LR, TAKES) }])
  assert.equal(after, before)
  const spec = await specOf(files(plain))
  assert.ok(!('params' in spec) && spec.steps.every((step) => !('takes' in step)))
  const braces = await specOf(files(plain.replace('0.1', '"{params.lr}"')))
  assert.equal(braces.steps[0]?.params['rate'], '{params.lr}', 'without pipeline.params it is the text that it was')
})

test('a default has the kind of its type, so that 1 and 1.0 are one key', async () => {
  const one = (value: string): Files => files(yaml(`{lr: {type: float, default: ${value}}}`, TAKES))
  const [whole, point] = await keysOf(['', one('1'), one('1.0')])
  assert.equal(whole, point)
})

test('a run sets params of the pipeline; what it gives to a step counts before them', async () => {
  const spec = await specOf(files(yaml(LR, TAKES)))
  assert.deepEqual(withSet(spec, checkSet(spec, { lr: 0.5 }), {}), { a: { rate: 0.5 } })
  assert.deepEqual(withSet(spec, { lr: 0.5 }, { a: { rate: 0.25, n: 4 } }), { a: { rate: 0.25, n: 4 } })
  assert.deepEqual(withSet(spec, {}, {}), {})
  assert.deepEqual(valuesOf(spec), { lr: 0.1 })
  assert.deepEqual(valuesOf(spec, { lr: 0.5 }), { lr: 0.5 })
})

test('a param may have a name that every object has', async () => {
  const spec = await specOf(
    files(yaml('{constructor: {type: int, default: 7}}', ', params: {n: "{params.constructor}"}')),
  )
  assert.deepEqual(valuesOf(spec), { constructor: 7 })
  assert.deepEqual(spec.steps[0]?.params, { n: 7 })
  assert.deepEqual(withSet(spec, checkSet(spec, {}), {}), {})
  assert.deepEqual(withSet(spec, checkSet(spec, { constructor: 8 }), {}), { a: { n: 8 } })
})

test('what is not declared or not allowed is refused with field, value and what was expected', async () => {
  const spec = await specOf(files(yaml(LR, TAKES)))
  const refusal = (act: () => unknown): unknown => {
    try {
      return act()
    } catch (error) {
      assert.ok(error instanceof Problem && error.code === 'invalid_field')
      return error.data
    }
  }
  assert.deepEqual(
    refusal(() => checkSet(spec, { lr: 5 })),
    { field: 'set.lr', value: 5, expected: 'a number from 0 to 1' },
  )
  assert.deepEqual(
    refusal(() => checkSet(spec, { rate: 0.5 })),
    { field: 'set.rate', value: 'rate', expected: 'one of lr' },
  )
  assert.deepEqual(
    refusal(() => checkSet(spec, { constructor: 1 })),
    {
      field: 'set.constructor',
      value: 'constructor',
      expected: 'one of lr',
    },
  )
  const own = { field: 'params.a.rate', value: -1, expected: 'a number from 0 to 1' }
  assert.deepEqual(
    refusal(() => checkParams(spec, { a: { rate: -1 } })),
    own,
  )
  const bare = await specOf(files('project: p\npython: {packages: []}\npipeline: {steps: {a: {run: "step:main"}}}\n'))
  const none = { field: 'set.lr', value: 'lr', expected: 'no params: the project file has no pipeline.params' }
  assert.deepEqual(
    refusal(() => checkSet(bare, { lr: 5 })),
    none,
  )
})
