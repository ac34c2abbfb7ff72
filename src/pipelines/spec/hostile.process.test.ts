/** Project files that nobody writes by accident: each ends in faults with their lines, soon, and none in an error of the machine. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Problem } from '../../contract/errors.ts'
import { readNumeral } from '../../contract/values/numerals.ts'
import { specOf } from './edits.fixture.ts'
import { checkParams, withSet } from './params.ts'
import { readProject } from './parse.ts'

const STEPS = 'project: p\npipeline:\n  steps:\n'
const step = (more: string): string => `${STEPS}    a: {run: [python, x.py]${more}}\n`
const many = (count: number, line: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => line(i)).join('\n')
const told = (text: string): string[] =>
  readProject(text).faults.map(({ line, key, message }) => `${line} ${key}: ${message}`)

const DEEP = /^\d+ : it nests more than 100 deep$/
const DEEP_FILES: Readonly<Record<string, string>> = {
  'brackets that are never closed': '['.repeat(100_000),
  'lists in lists': step(`, params: {x: ${'['.repeat(5000)}${']'.repeat(5000)}}`),
  'maps in maps': step(`, params: {x: ${'{a: '.repeat(3000)}1${'}'.repeat(3000)}}`),
  'blocks in blocks': `${STEPS}    a:\n${many(900, (i) => `${' '.repeat(6 + i)}k:`)}\n`,
  'lists of one line': `${STEPS}    a:\n      params:\n        x:\n          ${'- '.repeat(3000)}1\n`,
  'keys of keys': '? '.repeat(5000),
}

for (const [what, text] of Object.entries(DEEP_FILES))
  test(`${what} are too deep`, () => {
    const faults = told(text)
    assert.equal(faults.length, 1)
    assert.match(faults[0] ?? '', DEEP)
  })

test('what nests a hundred deep is read', () => {
  const deep = (levels: number): string => step(`, params: {x: ${'['.repeat(levels)}${']'.repeat(levels)}}`)
  assert.deepEqual(told(deep(90)), [])
  assert.match(told(deep(101))[0] ?? '', DEEP)
})

// prettier-ignore
const ODD: readonly (readonly [what: string, text: string, says: string])[] = [
  ['bytes', step(', params: {x: !!binary aGVsbG8=}'), '4 pipeline.steps.a.params.x: got bytes (!!binary), expected a text, a number, true or false, null, a list, or keys with values'],
  ['a set', step(', params: {x: !!set {a, b}}'), '4 pipeline.steps.a.params.x: got a set (!!set), expected a text, a number, true or false, null, a list, or keys with values'],
  ['a tag of its own', step(', params: {x: !foo 3}'), '4 : the tag !foo is not known; expected a plain value'],
  ['a step called __proto__', `${step('')}    __proto__: {run: [python, x.py]}\n`, '5 : the name "__proto__" is not accepted; choose another'],
  ['a param called __proto__', step(', params: {__proto__: 3, y: 1}'), '4 : the name "__proto__" is not accepted; choose another'],
  ['a name of all objects to retrain', `${step(', outputs: [m]')}model: {name: m, from: a.m}\nendpoint: {name: e}\nmonitor: {retrain: {constructor: {a: 1}}}\n`, '7 monitor.retrain.constructor: there is no step "constructor"; the steps are a'],
  ['half a character', step(', params: {x: "\\ud800"}'), '4 pipeline.steps.a.params.x: got "\\ud800", expected a text of whole characters: it has half of a surrogate pair'],
  ['half a character in a key', step(', params: {x: [{"\\udc00": 1}]}'), '4 pipeline.steps.a.params.x.0: got {"\\udc00":1}, expected a text of whole characters: it has half of a surrogate pair'],
  ['a zero byte in a variable', step(', env: {A: "a\\0b"}'), '4 pipeline.steps.a.env.A: got "a\\u0000b", expected a text without a zero byte, which no program can be given'],
  ['a zero byte in a command', `${STEPS}    a: {run: [python, "a\\0b"]}\n`, '4 pipeline.steps.a.run.1: expected a text without a zero byte, which no program can be given'],
  ['a zero byte by a placeholder', `${STEPS}    a: {run: [python, "{params.x}"], params: {x: "a\\0b"}}\n`, '4 pipeline.steps.a.params.x: got "a\\u0000b", expected a text without a zero byte, which no table keeps'],
  ['a zero byte in the salt', `${STEPS}    a: {run: "m:f"}\n  salt: "a\\0b"\n`, '5 pipeline.salt: got "a\\u0000b", expected a text without a zero byte'],
  ['arguments that are too long together', `${STEPS}    a: {run: [x${', "{params.x}"'.repeat(9)}], params: {x: ${'x'.repeat(120_000)}}}\n`, '4 pipeline.steps.a.run: expected at most 1048576 bytes of arguments and env together (they have 1080091), for a program is given both in one place; hand over what is large in a file'],
  ['a variable that is too long with its name', `${STEPS}    a: {run: "m:f", env: {${'N'.repeat(100)}: ${'x'.repeat(131_000)}}}\n`, `4 pipeline.steps.a.env.${'N'.repeat(80)}…: expected at most 131071 bytes, which is what Linux gives a program`],
  ['an argument that is too long', `${STEPS}    a: {run: [python, "{params.x}"], params: {x: ${'é'.repeat(65_536)}}}\n`, '4 pipeline.steps.a.run.1: expected at most 131071 bytes, which is what Linux gives a program'],
  ['a circle of aliases', `${STEPS}    a: &a {run: [python, x.py], params: {x: *a}}\n`, '1 : aliases are not accepted here: one stands inside of what it names'],
  ['a second document', 'project: p\n---\nproject: q\n', '2 : not valid YAML: a second document begins here; expected one'],
  ['more steps than a run looks at', STEPS + many(5000, (i) => `    s${i}: {run: [python, x.py]${i === 0 ? '' : `, after: [s${i - 1}]`}}`), '3 pipeline.steps: got 5000 steps, expected at most 1000'],
]

for (const [what, text, says] of ODD) test(`${what} is told`, () => assert.deepEqual(told(text), [says]))

test('a whole number has at most the digits that Python reads', () => {
  const [most, more] = ['7'.repeat(4300), '7'.repeat(4301)]
  assert.deepEqual(told(step(`, params: {x: ${most}, y: -${most}}`)), [])
  for (const number of [more, `-${more}`, `0x${'f'.repeat(3572)}`, `[1, {k: ${more}}]`])
    assert.match(
      told(step(`, params: {x: ${number}}`)).join('\n'),
      /^4 pipeline\.steps\.a\.params\.x.*expected a whole number of at most 4300 digits, as Python reads them$/,
    )
})

test('a thousand steps, each after the one before it, are a pipeline', () => {
  const text = STEPS + many(1000, (i) => `    s${i}: {run: [python, x.py]${i === 0 ? '' : `, after: [s${i - 1}]`}}`)
  assert.deepEqual(told(text), [])
})

test('keys that are there twice are found among very many, without a look at each pair', () => {
  const began = process.cpuUsage()
  const keys = many(28_000, (i) => `        k${i}: 1`)
  const faults = told(`${STEPS}    a:\n      run: [python, x.py]\n      params:\n${keys}\n        k27999: 2\n`)
  const { user, system } = process.cpuUsage(began)
  assert.equal(faults[0], '28007 : "k27999" is there twice; expected each key once')
  assert.ok(user + system < 10_000_000, `${user + system} µs`)
})

test('a wrong name in a list does not hide what the others name, nor does another fault of the step', () => {
  assert.deepEqual(told(step(', bogus: 1, after: [gone, 3, a b, lost], inputs: {i: zz.o, j: 3}')), [
    '4 pipeline.steps.a.bogus: unknown key; expected one of: run, inputs, for_each, when, params, outputs, after, env, secrets, cache, seed, on, image, timeout, queued_timeout, starting_timeout, silent_timeout, checkpoints, retries, pool, resources',
    '4 pipeline.steps.a.inputs.j: got 3, expected a text',
    '4 pipeline.steps.a.after.1: got 3, expected a text',
    '4 pipeline.steps.a.after.2: got "a b", expected letters, digits, "_" and "-", at most 64',
    '4 pipeline.steps.a.inputs.i: there is no step "zz"; did you mean "a"?',
    '4 pipeline.steps.a.after.0: there is no step "gone"; the steps are a',
    '4 pipeline.steps.a.after.3: there is no step "lost"; the steps are a',
  ])
})

test('a run gives no param that a step cannot be handed', async () => {
  const spec = await specOf({
    'slipway.yaml': `${STEPS}    a: {run: [python, x.py, "--x={params.x}"], params: {x: null, y: null}}\n    b: {run: "m:f", params: {x: null}}\n`,
    'x.py': '',
    'm.py': 'def f(x): pass\n',
  })
  const manyArguments = await specOf({
    'slipway.yaml': `${STEPS}    a: {run: [python, x.py${', "{params.x}"'.repeat(9)}, "{params.y}"], params: {x: "", y: ""}}\n`,
    'x.py': '',
  })
  const refused = (params: Parameters<typeof checkParams>[1]): unknown => {
    try {
      withSet(spec, {}, checkParams(spec, params))
      return undefined
    } catch (error) {
      return (error as Problem).code === 'invalid_field' ? (error as Problem).message : error
    }
  }
  const big = readNumeral('9'.repeat(4301))
  assert.match(
    String(refused({ b: { x: big } })),
    /^params\.b\.x: got 9{80}…, expected a whole number of at most 4300 digits/,
  )
  assert.match(String(refused({ b: { x: [{ k: big }] } })), /^params\.b\.x\.0\.k: got /)
  assert.match(String(refused({ b: { x: 'a\ud800' } })), /^params\.b\.x: .* expected a text of whole characters/)
  assert.match(
    String(refused({ a: { x: 'a\0b' } })),
    /^params\.a\.x: .* expected a text without a zero byte, which no table keeps$/,
  )
  assert.match(
    String(refused({ a: { x: 'x'.repeat(131_072) } })),
    /^params\.a\.x: got x{80}…, expected at most 131071 bytes/,
  )
  // each argument fits, and all of them together do not
  const many = withSet.bind(undefined, manyArguments, {})
  assert.throws(
    () => many({ a: { x: 'x'.repeat(120_000), y: 'short' } }),
    /params\.a\.x: got x{80}…, expected at most 1048576 bytes of arguments and env together \(they have 1080\d{3}\)/,
  )
  assert.deepEqual(many({ a: { x: 'x'.repeat(110_000) } }), { a: { x: 'x'.repeat(110_000) } })
  assert.match(String(refused({ b: { x: ['a\0b'] } })), /^params\.b\.x\.0: .* expected a text without a zero byte/)
  assert.equal(refused({ a: { x: 'x'.repeat(131_000) }, b: { x: readNumeral('9'.repeat(4300)) } }), undefined)
})
