/** Conditions: what is read, what is refused and at which column, and what is decided while some values are not known. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseNumerals } from '../../../contract/values/numerals.ts'
import type { Declared } from '../../../contract/values/params.ts'
import { evaluate, valuesSaid } from './evaluate.ts'
import { parseCondition, stepsOf, type Reference } from './grammar.ts'
import { conditionFaults, stepsNamed } from './written.ts'

const PARAMS: Readonly<Record<string, Declared>> = {
  mode: { type: 'choice', default: 'full', choices: ['full', 'quick'] },
  lr: { type: 'float', default: 0.1 },
  deep: { type: 'bool', default: false },
  tag: { type: 'string', default: '' },
  sizes: { type: 'list', of: 'int', default: [] },
}
const NAMES = {
  params: PARAMS,
  steps: new Map([
    ['evaluate', ['predictions']],
    ['1st-try', []],
  ]),
  doubtful: () => false,
}

describe('what is wrong is told with its column', () => {
  const cases: readonly (readonly [string, string])[] = [
    ["params.mode == 'full' && params.deep", 'column 23: got "&&", expected and'],
    ["params.mode == 'full' || params.deep", 'column 23: got "||", expected or'],
    ['!params.deep', 'column 1: got "!", expected not, or !='],
    ["params.mode = 'full'", 'column 13: got "=", expected =='],
    ["params.mode == 'full", 'column 16: this text has no end, expected the same quote behind it'],
    [
      '',
      'column 1: got the end, expected params.NAME, steps.STEP.metrics.NAME, steps.STEP.outputs.NAME.size, a number, a text in quotes, true or false',
    ],
    ['params', 'column 7: got the end, expected "." and the name of a param'],
    ['params.', 'column 8: got the end, expected the name of a param'],
    ['params.lr >', 'column 12: got the end, expected params.NAME'],
    ['(params.deep', 'column 13: got the end, expected ")"'],
    ['params.deep)', 'column 12: got ")", expected and, or, or the end'],
    ['params.deep params.deep', 'column 13: got "params", expected and, or, or the end'],
    ['1 < params.lr < 2', 'column 15: got "<", expected and, or, or the end: comparisons are not chained'],
    ['steps.evaluate.auc > 1', 'column 16: got "auc", expected metrics or outputs'],
    ['steps.evaluate.outputs.predictions.rows > 1', 'column 36: got "rows", expected size or files'],
    [
      'steps.evaluate.outputs.model.size > 1',
      'column 1: there is no output "model" of step "evaluate"; expected one of predictions',
    ],
    ['steps.evaluat.metrics.auc > 1', 'column 1: there is no step "evaluat"; expected one of evaluate, 1st-try'],
    [
      'params.mod == 1',
      'column 1: there is no param "mod" in pipeline.params; expected one of mode, lr, deep, tag, sizes',
    ],
    ['params.constructor == 1', 'column 1: there is no param "constructor" in pipeline.params'],
    ['__import__("os").system("x")', 'column 1: got "__import__", expected params.NAME'],
    ['item > 1', 'column 1: got "item", and a condition decides for a step as a whole, not for each item of it'],
    ['1 < {item.month}', 'column 5: got "{item", and a condition decides for a step as a whole'],
    ['params.lr + 1 > 2', 'column 11: got "+", expected params.NAME'],
    ["params.lr == 'a'", 'column 14: compares a number with a text'],
    ["params.tag < 'b'", 'column 12: got "<", which compares numbers; expected ==, != or in'],
    ["params.mode == 'ful'", 'column 16: params.mode is never "ful"; its choices are "full", "quick"'],
    ["params.mode in ['full', 'fast']", 'column 25: params.mode is never "fast"; its choices are "full", "quick"'],
    ['params.sizes == 1', 'column 17: compares a list with a number'],
    ['params.lr', 'column 1: is a number, expected a comparison, or a param that is true or false'],
    ['not steps.evaluate.metrics.auc', 'column 5: is a number, expected a comparison'],
    [
      `${'('.repeat(30)}params.deep${')'.repeat(30)}`,
      'column 22: expected at most 20 parentheses and nots around one another',
    ],
    [`${'not '.repeat(200)}params.deep`, 'column 85: expected at most 20 parentheses'],
  ]
  for (const [text, expected] of cases)
    test(text.slice(0, 60), () => {
      const [first = 'nothing', ...more] = conditionFaults(text, NAMES)
      assert.ok(first.startsWith(expected), first)
      assert.deepEqual(more, [])
    })

  test('all faults of names at once', () => {
    assert.equal(conditionFaults('params.a == 1 and steps.b.metrics.c > 2', NAMES).length, 2)
  })

  test('of what was left out nothing is said', () => {
    const names = { ...NAMES, doubtful: () => true }
    assert.deepEqual(
      conditionFaults("params.x == 'a' and steps.y.metrics.z > 1 and steps.evaluate.outputs.q.size > 1", names),
      [],
    )
  })
})

describe('what is read is decided', () => {
  const known: Readonly<Record<string, unknown>> = {
    'param mode': 'full',
    'param lr': (parseNumerals('[1.0]') as unknown[])[0],
    'param deep': true,
    'param tag': "it's",
    'param big': (parseNumerals('[9007199254740993]') as unknown[])[0],
    'param id': 9_007_199_254_740_991,
    'metric evaluate nan': NaN,
    'metric evaluate inf': Infinity,
    'metric evaluate auc': 0.8,
    'metric 1st-try val/auc': -2,
    'output evaluate predictions': 5,
  }
  const key = (of: Reference): string => (of.kind === 'param' ? `param ${of.name}` : `${of.kind} ${of.step} ${of.name}`)
  const lookup = (of: Reference): unknown => known[key(of)]
  const cases: readonly (readonly [string, boolean | undefined])[] = [
    ["params.mode == 'full'", true],
    ['params.mode != "full"', false],
    ["params.mode in ['quick', 'full']", true],
    ["'quick' in ['quick']", true],
    ['params.lr == 1', true],
    ['params.lr <= 0.999', false],
    ['params.deep', true],
    ['params.deep == false', false],
    ['not params.deep', false],
    ['not not params.deep', true],
    ['params.tag == "it\'s"', true],
    ['steps.evaluate.metrics.auc >= 0.8', true],
    ['steps.evaluate.metrics.auc > 0.8', false],
    ["steps['1st-try'].metrics['val/auc'] == -2", true],
    ['steps.evaluate.outputs.predictions.size > 4', true],
    ['8e-1 == steps.evaluate.metrics.auc', true],
    // whole numbers with all their digits, which no double holds
    ['params.big == 9007199254740993', true],
    ['params.big == 9007199254740992', false],
    ['params.big != 9007199254740992', true],
    ['params.big > 9007199254740992', true],
    ['params.big >= 9007199254740994', false],
    ['params.big in [9007199254740992, 9007199254740993]', true],
    ['params.big in [9007199254740992, 9007199254740994]', false],
    ['params.big > params.id', true],
    ['params.big > 0.5', true],
    ['params.big < 1e300', true],
    ['params.big == 9007199254740992.0', false],
    ['steps.evaluate.metrics.auc < 99999999999999999999', true],
    ['params.id == 9007199254740991', true],
    ['steps.evaluate.metrics.nan == steps.evaluate.metrics.nan', false],
    ['steps.evaluate.metrics.nan == 1', false],
    ['steps.evaluate.metrics.nan != 1', true],
    ['steps.evaluate.metrics.nan < 1', false],
    ['steps.evaluate.metrics.inf > 99999999999999999999', true],
    // and binds closer than or
    ['true or false and false', true],
    ['(true or false) and false', false],
    ['not false and false', false],
    // what is not known does not matter where the rest settles it, in either order
    ['params.unknown == 1', undefined],
    ['params.unknown == 1 and params.deep', undefined],
    ['params.unknown == 1 and not params.deep', false],
    ['not params.deep and params.unknown == 1', false],
    ['params.unknown == 1 or params.deep', true],
    ['params.deep or params.unknown == 1', true],
    ['not params.unknown', undefined],
    ['params.lr in [1, params.unknown]', undefined],
  ]
  for (const [text, expected] of cases)
    test(`${text}: ${String(expected)}`, () => assert.equal(evaluate(parseCondition(text), lookup), expected))

  test('values are told by the names that were written, each once', () => {
    const said = valuesSaid(
      parseCondition(
        "params.mode == 'a' or steps['1st-try'].metrics['val/auc'] > 1 or params.mode == 'b' or params.lr > steps.x.metrics.y",
      ),
      lookup,
    )
    assert.equal(
      said,
      `params.mode is "full", steps['1st-try'].metrics['val/auc'] is -2, params.lr is 1, steps.x.metrics.y is not known`,
    )
  })

  test('numbers are told as they were compared', () => {
    const text = 'params.big > 9007199254740992 and steps.evaluate.metrics.nan < 1 and steps.evaluate.metrics.inf > 1'
    assert.equal(
      valuesSaid(parseCondition(text), lookup),
      'params.big is 9007199254740993, steps.evaluate.metrics.nan is NaN, steps.evaluate.metrics.inf is Infinity',
    )
  })

  test('the steps that are named', () => {
    assert.deepEqual(
      stepsOf(parseCondition('steps.a.metrics.x > 1 and not steps.b.outputs.o.files == 2 or steps.a.metrics.y > 1')),
      ['a', 'b'],
    )
    assert.deepEqual(stepsNamed('steps.a.metrics.x >'), [])
  })
})
