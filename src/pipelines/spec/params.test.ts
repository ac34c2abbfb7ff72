/** Params: what the numbers and words of a project file are to Python, and which kinds a run may give in their place. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseNumerals } from '../../contract/values/numerals.ts'
import { keysOf, run, specOf } from './edits.fixture.ts'
import { checkParams } from './params.ts'
import { readProject } from './parse.ts'

const yaml = (value: string): string =>
  `project: p\npython: {packages: []}\npipeline: {steps: {a: {run: "step:main", params: {x: ${value}}}}}\n`

/** What a step gets of a param that is written so, as JSON; or the message of the fault. */
function written(value: string): string {
  const read = readProject(yaml(value))
  if (read.faults.length > 0)
    return read.faults.map(({ line, key, message }) => `${line} ${key}: ${message}`).join('; ')
  return JSON.stringify(read.project?.pipeline.steps['a']?.params['x'])
}

describe('what is written in the project file', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['9007199254740993', '9007199254740993'],
    ['-9007199254740993', '-9007199254740993'],
    ['123456789012345678901234567890', '123456789012345678901234567890'],
    ['1', '1'],
    ['+1', '1'],
    ['1.0', '1.0'],
    ['1.', '1.0'],
    ['1e3', '1000.0'],
    ['1e20', '100000000000000000000.0'],
    ['1e21', '1e+21'],
    ['0.5', '0.5'],
    ['.5', '0.5'],
    ['-0', '0'],
    ['-0.0', '-0.0'],
    ['007', '7'],
    ['0o7', '7'],
    ['0x1F', '31'],
    ['0xffffffffffffffff', '18446744073709551615'],
    // YAML 1.2 has no other spellings of numbers, words and dates: they are texts
    ['1_000', '"1_000"'],
    ['0b11', '"0b11"'],
    ['1:30', '"1:30"'],
    ['yes', '"yes"'],
    ['no', '"no"'],
    ['on', '"on"'],
    ['true', 'true'],
    ['TRUE', 'true'],
    ['~', 'null'],
    ['2024-01-31', '"2024-01-31"'],
    ['1.2.3', '"1.2.3"'],
    ['"1"', '"1"'],
    ["'1.0'", '"1.0"'],
    ['"9007199254740993"', '"9007199254740993"'],
    ['NaN', '"NaN"'],
    ['[1.0, {y: 9007199254740993}]', '[1.0,{"y":9007199254740993}]'],
  ]
  for (const [value, expected] of cases) test(`${value} is ${expected}`, () => assert.equal(written(value), expected))

  for (const value of ['.nan', '.NaN', '.inf', '-.Inf', '1e400', '-1e400']) {
    test(`${value} is refused where it stands`, () => {
      assert.match(written(value), /^3 pipeline\.steps\.a\.params\.x: got .*, expected a finite number \(.*"$/)
      assert.ok(written(`[1, ${value}]`).includes('params.x.1: got'), written(`[1, ${value}]`))
    })
  }

  test('an alias has the number that it stands for', () => {
    const text = yaml('[&big 9007199254740993, *big, &one 1.0, *one]')
    const read = readProject(text)
    assert.ok(read.project)
    assert.equal(
      JSON.stringify(read.project.pipeline.steps['a']?.params['x']),
      '[9007199254740993,9007199254740993,1.0,1.0]',
    )
  })

  test('variables and arguments are the texts that stand there', async () => {
    const text = run('[python, x.py, 1.10, 3, 0x1F, 9007199254740993]', ', env: {A: 1.10, B: 9007199254740993, C: 2}')
    const [step] = (await specOf(text)).steps
    assert.deepEqual([step?.entry ?? ''].flat().slice(2).map(String), ['1.10', '3', '0x1F', '9007199254740993'])
    assert.deepEqual(step?.env, { A: '1.10', B: '9007199254740993', C: '2' })
  })

  test('numbers elsewhere are plain', () => {
    const read = readProject(yaml('1').replace('params', 'timeout: 10.0, resources: {cpus: 2}, params'))
    assert.ok(read.project)
    assert.strictEqual(read.project.pipeline.steps['a']?.timeout, 10)
  })
})

describe('the key of a step', () => {
  const key = async (value: string): Promise<string> =>
    (await keysOf(['', { 'slipway.yaml': yaml(value) }, {}]))[0] ?? ''
  test('differs where Python sees another value or kind', async () => {
    const values = ['9007199254740992', '9007199254740993', '1', '1.0', '"1"', '"1.0"', 'true', '0', '-0.0', '0.0', '~']
    const keys = await Promise.all(values.map(key))
    assert.equal(new Set(keys).size, values.length)
  })
  test('is the same for one value however it is spelt', async () => {
    assert.equal(await key('1.0'), await key('1.00'))
    assert.equal(await key('31'), await key('0x1F'))
    assert.equal(await key('1000.0'), await key('1e3'))
  })
})

describe('a run gives params of the kinds that are declared', async () => {
  const spec = await specOf({
    ...run('"step:main"'),
    'step.py': 'def main(**x): ...\n',
    'slipway.yaml': yaml('1').replace('{x: 1}', '{i: 3, f: 0.5, w: 1.0, t: v1, b: true, l: [1], m: {k: 1}, n: null}'),
  })
  /** The checked param as JSON, or the refusal. */
  const given = (param: string, json: string): string => {
    try {
      const checked = checkParams(spec, { a: { [param]: (parseNumerals(`[${json}]`) as unknown[])[0] } })
      return JSON.stringify(checked['a']?.[param])
    } catch (error) {
      return (error as Error).message
    }
  }
  const taken: readonly (readonly [string, string, string])[] = [
    ['i', '9007199254740993', '9007199254740993'],
    ['f', '2', '2.0'],
    ['f', '2.0', '2.0'],
    ['f', '0.25', '0.25'],
    ['w', '3', '3.0'],
    ['t', '"1"', '"1"'],
    ['b', 'false', 'false'],
    ['l', '["a",1.0]', '["a",1.0]'],
    ['m', '{"z":9007199254740993}', '{"z":9007199254740993}'],
    ['n', '"anything"', '"anything"'],
    ['n', 'null', 'null'],
  ]
  for (const [param, json, expected] of taken)
    test(`${json} for ${param} is ${expected}`, () => assert.equal(given(param, json), expected))

  const refused: readonly (readonly [string, string, RegExp])[] = [
    ['i', '1.0', /params\.a\.i.*1\.0.*a whole number, as the project file declares it \(3\)/],
    ['i', '"3"', /a whole number/],
    ['i', 'true', /a whole number/],
    ['i', 'null', /a whole number/],
    ['f', '"0.5"', /a number, as the project file declares it \(0\.5\)/],
    ['f', '9007199254740993', /a number/],
    [
      't',
      '1',
      /a text, as the project file declares it \("v1"\); a text that looks like something else has quotes: "1"/,
    ],
    ['b', '1', /true or false/],
    ['b', '"true"', /true or false/],
    ['l', '{}', /a list/],
    ['m', '[]', /keys with values/],
    ['m', '1.0', /keys with values/],
  ]
  for (const [param, json, expected] of refused)
    test(`${json} for ${param} is refused`, () => assert.match(given(param, json), expected))
})
