/** Conditions and optional inputs in a project file: faults where they stand, what is kept of them, and keys that do not know of them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { keysOf, specOf, type Files } from '../edits.fixture.ts'
import { paramNotes } from '../declared.ts'
import { parseProject, readProject } from '../parse.ts'

const yaml = (steps: string): string => `project: p
python: {packages: []}
pipeline:
  params: {mode: {type: choice, default: full, choices: [full, quick]}}
  steps:
${steps.replaceAll(/^/gm, '    ')}
`
const files = (text: string): Files => ({ 'slipway.yaml': text, 'step.py': 'def main(**x): ...\n' })

describe('faults', () => {
  const cases: readonly (readonly [string, readonly RegExp[]])[] = [
    ['a: {run: "step:main", when: params.mode == "full"}', []],
    ['a: {run: "step:main", when: true}', [/^6 pipeline\.steps\.a\.when: got true, expected a text/]],
    ['a: {run: "step:main", when: ""}', [/^6 pipeline\.steps\.a\.when: got "", expected a condition, for example/]],
    [
      'a: {run: "step:main", when: params.mod > 1}\nb: {run: "step:main", when: steps.c.metrics.x > 1, after: [d]}',
      [
        /^6 pipeline\.steps\.a\.when: column 1: there is no param "mod"/,
        /^7 pipeline\.steps\.b\.after\.0: there is no step "d"/,
        /^7 pipeline\.steps\.b\.when: column 1: there is no step "c"/,
      ],
    ],
    ['a: {run: "step:main", when: steps.a.metrics.x > 1}', [/the steps need each other: a → a/]],
    [
      'a: {run: "step:main", when: steps.b.metrics.x > 1}\nb: {run: "step:main", after: [a]}',
      [/need each other: a → b → a/],
    ],
    ['a: {run: "step:main", outputs: [o]}\nb: {run: "step:main", inputs: {o: "a.o?"}}', []],
    [
      'a: {run: "step:main", outputs: [o]}\nb: {run: "step:main", inputs: {o: "a.p?"}}',
      [/step "a" has no output "p".*outputs are o/],
    ],
    ['a: {run: "step:main", outputs: [o]}\nb: {run: "step:main", inputs: {o: "a.o??"}}', [/expected STEP\.OUTPUT/]],
  ]
  for (const [steps, expected] of cases)
    test(steps, () => {
      const told = readProject(yaml(steps)).faults.map(({ line, key, message }) => `${line} ${key}: ${message}`)
      const others = told.filter((one) => !one.includes('no step takes it'))
      assert.equal(others.length, expected.length, told.join('\n'))
      for (const pattern of expected)
        assert.ok(
          others.some((one) => pattern.test(one)),
          `${pattern} in ${told.join('\n')}`,
        )
    })

  test('a model may not hang on the sign of an optional input', () => {
    const text = `${yaml('a: {run: "step:main", outputs: [o]}')}model: {name: m, from: "a.o?"}\n`
    assert.match(readProject(text).faults[0]?.message ?? '', /expected STEP\.OUTPUT, for example/)
  })
})

test('a condition is no part of a key; an optional input is one where it is there', async () => {
  const plain = yaml('a: {run: "step:main", outputs: [o]}')
  const [before, after] = await keysOf([
    '',
    files(plain),
    { 'slipway.yaml': plain.replace('outputs', 'when: params.mode == "full", outputs') },
  ])
  assert.equal(after, before)
  const spec = await specOf(files(plain))
  assert.ok(spec.steps.every((step) => !('when' in step) && !('optional' in step)))
})

test('what is kept: the steps that a condition names, and those that may be skipped', async () => {
  const { steps } = await specOf(
    files(
      yaml(`a: {run: "step:main", outputs: [o, p]}
b: {run: "step:main", outputs: [o], when: steps.a.metrics.auc > 0.5}
c: {run: "step:main", inputs: {x: "b.o?", y: a.o, z: "a.p?"}}
d: {run: "step:main", inputs: {x: "b.o?"}, after: [b]}`),
    ),
  )
  assert.deepEqual(steps[1]?.when, { text: 'steps.a.metrics.auc > 0.5', steps: ['a'] })
  assert.deepEqual(steps[1]?.needs, [], 'it waits for a and needs nothing of it')
  assert.deepEqual(steps[2]?.inputs['x'], { step: 'b', output: 'o' })
  assert.deepEqual(steps[2]?.optional, ['b'], 'a is needed by another input')
  assert.ok(steps[3] !== undefined && !('optional' in steps[3]), 'b has to succeed first')
})

test('a param that only a condition names is not noted as unused', () => {
  const notes = (when: string): string[] => paramNotes(parseProject(yaml(`a: {run: "step:main"${when}}`)))
  assert.equal(notes('').length, 1)
  assert.deepEqual(notes(', when: params.mode == "full"'), [])
})
