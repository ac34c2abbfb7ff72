/** The section `search` of a project file: every fault at its line, and the plan of one without. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readProject } from './parse.ts'
import { planOf } from './search.ts'

const PIPELINE = `project: p
pipeline:
  params:
    lr: {type: float, default: 0.1, min: 0.001, max: 1}
    depth: {type: int, default: 3, min: 1, max: 9}
    mode: {type: choice, default: full, choices: [full, quick]}
    deep: {type: bool, default: false}
    tag: {type: string, default: a}
    free: {type: float, default: 1}
  steps:
    train: {run: "a:train", params: {lr: "{params.lr}", depth: "{params.depth}"}, outputs: [model]}
    evaluate: {run: "a:evaluate", inputs: {model: train.model}}
`
const LINE = PIPELINE.split('\n').length

const withSearch = (...lines: string[]): string =>
  `${PIPELINE}search:\n${lines.map((line) => `  ${line}`).join('\n')}\n`

/** Faults as line, counted from that of `search:`, key and message. */
function faultsOf(...lines: string[]): string[] {
  return readProject(withSearch(...lines)).faults.map(({ line, key, message }) => `${line - LINE} ${key}: ${message}`)
}

const GOOD = ['objective: steps.evaluate.metrics.val/auc', 'direction: maximize']

test('a search has the ranges of pipeline.params, and its own where it is narrower', () => {
  const { project, faults } = readProject(
    withSearch(
      ...GOOD,
      'params: {lr: {log: true}, depth: {max: 6, points: 3}, mode: {}, deep: {}, tag: {choices: [a, b]}}',
      'constraints: ["params.depth < 5 or params.mode == \'quick\'"]',
      'time: 2h',
      'stop: {rule: asha, metric: steps.train.metrics.loss, direction: minimize}',
      'holdout: {mode: quick}',
    ),
  )
  assert.deepEqual(faults, [])
  assert.ok(project?.search)
  assert.deepEqual(planOf(project.search, project.pipeline.params ?? {}), {
    objective: { step: 'evaluate', metric: 'val/auc' },
    direction: 'maximize',
    space: {
      lr: { kind: 'float', min: 0.001, max: 1, log: true, points: null },
      depth: { kind: 'int', min: 1, max: 6, log: false, points: 3 },
      mode: { kind: 'choice', choices: ['full', 'quick'] },
      deep: { kind: 'choice', choices: [false, true] },
      tag: { kind: 'choice', choices: ['a', 'b'] },
    },
    constraints: ["params.depth < 5 or params.mode == 'quick'"],
    method: 'gp',
    trials: 60,
    at_once: 4,
    seed: 0,
    time_ms: 7_200_000,
    failures: 5,
    stop: {
      by: { rule: 'asha', first: 1, factor: 3 },
      metric: { step: 'train', metric: 'loss' },
      direction: 'minimize',
    },
    holdout: { mode: 'quick' },
  })
})

describe('faults', () => {
  test('all are told at once, each at its line', () => {
    assert.deepEqual(
      faultsOf(
        'objective: steps.evalute.metrics.auc',
        'direction: maximize',
        'params:',
        '  lrr: {log: true}',
        '  depth: {min: 0}',
        '  mode: {min: 1}',
        '  tag: {}',
        '  free: {}',
        'constraints:',
        '  - steps.train.metrics.loss < 1',
        '  - params.nothing < 1',
        '  - "1 < 2"',
        'holdout: {mode: slow, elsewhere: 1}',
        'stop: {rule: median, metric: steps.tran.metrics.loss}',
      ),
      [
        '1 search.objective: there is no step "evalute"; did you mean "evaluate"?',
        '4 search.params.lrr: there is no param "lrr" in pipeline.params; did you mean "lr"?',
        '5 search.params.depth.min: got 0, expected a whole number from 1 to 9',
        '6 search.params.mode.min: goes with an int or a float of which no choices are given',
        '7 search.params.tag.choices: missing; a param of type "string" is searched by its choices',
        '8 search.params.free.min: missing here and in pipeline.params; expected a number',
        '8 search.params.free.max: missing here and in pipeline.params; expected a number',
        '10 search.constraints.0: names step "train"; a constraint names params alone, for nothing has run',
        '11 search.constraints.1: column 1: there is no param "nothing" in pipeline.params; expected one of lr, depth, mode, deep, tag, free',
        '12 search.constraints.2: names no param; expected one, for example "params.low < params.high"',
        '13 search.holdout.mode: got "slow", expected one of "full", "quick"',
        '13 search.holdout.elsewhere: there is no param "elsewhere" in pipeline.params; they are lr, depth, mode, deep, tag, free',
        '14 search.stop.metric: there is no step "tran"; did you mean "train"?',
      ],
    )
  })

  for (const [line, fault] of [
    ['params: {depth: {min: 5, max: 4}}', /got 5, expected at most the max, 4/],
    ['params: {free: {min: 0, max: 1, log: true}}', /needs a min above 0, and it is 0/],
    ['params: {}', /at least one param/],
    ['params: {mode: {choices: [slow]}}', /got "slow", expected one of "full", "quick"/],
    ['params: {mode: {log: true}}', /log: goes with an int or a float/],
  ] as const) {
    test(line, () => {
      const told = faultsOf(...GOOD, line)
      assert.equal(told.length, 1, String(told))
      assert.match(told[0] ?? '', fault)
    })
  }

  test('a grid of very many points is refused before it is made', () => {
    for (const [points, size] of [
      ['free: {min: 0, max: 1, points: 1000}, lr: {points: 1000}', 1_000_000],
      ['wide: {}', 2_000_000_000],
    ] as const) {
      const wide = 'wide: {type: int, default: 1, min: 1, max: 2000000000}'
      const text = withSearch(...GOOD, `params: {${points}}`, 'method: grid').replace('    lr:', `    ${wide}\n    lr:`)
      assert.deepEqual(
        readProject(text).faults.map(({ key, message }) => `${key}: ${message.split(',')[0]}`),
        [`search.method: is a grid of ${size} points`],
      )
    }
  })

  for (const [line, fault] of [
    ['method: grid', /a grid over a float needs "points"/],
    ['method: anneal', /anneal/],
    ['trials: 0', /trials/],
    ['at_once: 1000', /at_once/],
    ['time: soon', /a duration/],
    ['stop: {rule: hyperband}', /most/],
    ['stop: {rule: asha, most: 3}', /most/],
    ['stop: {rule: asha, others: 3}', /others/],
    ['stop: {rule: asha, first: 0}', /first/],
    ['objectives: x', /objectives/],
  ] as const) {
    test(line, () => {
      const told = faultsOf(...GOOD, 'params: {lr: {}}', line)
      assert.equal(told.length, 1, String(told))
      assert.match(told[0] ?? '', fault)
    })
  }

  test('a step with for_each has a metric for each item, and so none', () => {
    const each = '    each: {run: "a:each", for_each: {item: [1, 2]}, params: {month: "{item}"}}\n'
    const text = withSearch('objective: steps.each.metrics.auc', 'direction: maximize', 'params: {lr: {}}')
    const { faults } = readProject(text.replace('search:', `${each}search:`))
    assert.deepEqual(
      faults.map(({ key, message }) => `${key}: ${message}`),
      [
        'search.objective: step "each" has for_each, and each item metrics of its own; expected a step without, for example one that joins them',
      ],
    )
  })

  test('nothing is said of names where what they name was left out', () => {
    const text = withSearch(...GOOD, 'params: {lr: {}}').replace(
      'type: float, default: 0.1',
      'type: flot, default: 0.1',
    )
    assert.deepEqual(
      readProject(text).faults.map(({ key }) => key),
      ['pipeline.params.lr.type'],
    )
  })
})
