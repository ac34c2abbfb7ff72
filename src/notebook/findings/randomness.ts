/** What makes two runs differ (D8): unseeded generators, the clock, the order of folders, hashes. */
import type { Call } from '../facts/facts.ts'
import { change, report, type Placed, type Program } from '../rewrite/program.ts'

/** Calls of scikit-learn that draw from NumPy's global generator unless they are given a state. */
const DRAWS =
  /(?:^|\.)(?:train_test_split|shuffle|resample|RandomForest\w+|ExtraTrees?\w*|GradientBoosting\w+|HistGradientBoosting\w+|DecisionTree\w+|Bagging\w+|AdaBoost\w+|IsolationForest|KMeans|MiniBatchKMeans|SGD\w+|MLP\w+|ShuffleSplit|StratifiedShuffleSplit|GroupShuffleSplit|RandomizedSearchCV|Perceptron|TSNE|make_\w+|GaussianMixture)$/
const GLOBAL =
  /^(?:np|numpy)\.random\.(?!default_rng|RandomState|seed|Generator|SeedSequence)\w+$|^random\.(?!seed|Random)\w+$|^torch\.(?:rand\w*|normal|multinomial)$/
const SEEDS = /(?:^|\.)(?:seed|manual_seed|set_seed|set_random_seed|seed_everything)$/
const CLOCK =
  /^(?:time\.time|time\.time_ns|time\.perf_counter|datetime\.(?:datetime\.)?(?:now|today|utcnow)|datetime\.date\.today|date\.today|pd\.Timestamp\.(?:now|today)|uuid\.uuid[14])$/
const FOLDERS = /^(?:glob\.glob|glob\.iglob|os\.listdir|glob|listdir)$/

/** Seeds what is not seeded and sorts what a folder lists; the clock is reported. */
export function treatRandomness(program: Program): void {
  let seeded = false
  const drawn = new Map<number, string[]>()
  for (const placed of program.placed)
    for (const call of placed.statement.calls) {
      seeded ||= SEEDS.test(call.text)
      treatGenerator(program, placed, call)
      treatFolder(program, placed, call)
      if (unseeded(call) && !seeded) drawn.set(placed.cell, [...(drawn.get(placed.cell) ?? []), call.text])
      if (CLOCK.test(call.text))
        report(program, {
          code: 'D8',
          cell: placed.cell,
          line: call.line,
          found: `${call.text} is another value in each run`,
          action: 'pass the time as a setting where anything depends on it',
        })
    }
  for (const [cell, calls] of drawn)
    program.findings.push({
      code: 'D8',
      cell,
      found: `nothing seeds ${[...new Set(calls)].join(', ')}`,
      treatment: 'changed',
      action: 'set_seed(config.seed) seeds the global generators before the first step',
    })
}

function unseeded(call: Call): boolean {
  if (GLOBAL.test(call.text)) return true
  if (!DRAWS.test(call.text)) return false
  const state = call.keywords.find(({ name }) => name === 'random_state')
  return (state === undefined || state.text === 'None') && !call.keywords.some(({ name }) => name === null)
}

function treatGenerator(program: Program, placed: Placed, call: Call): void {
  if (!/(?:^|\.)(?:default_rng|RandomState)$/.test(call.text) || call.given) return
  // where the code has a variable of that name for something else, there is no such setting
  const isSetting = program.settings.has('seed')
  if (isSetting) placed.needs.add('seed')
  change(program, placed.cell, [{ start: call.close, end: call.close, text: isSetting ? 'seed' : '0' }], {
    code: 'D8',
    line: call.line,
    found: `${call.text}() without a seed`,
    action: isSetting ? 'seeded with the setting seed' : 'seeded with 0',
  })
}

function treatFolder(program: Program, placed: Placed, call: Call): void {
  if (!FOLDERS.test(call.text)) return
  const [start, end] = call.span
  const outer = placed.statement.calls.find(
    ({ text, arguments: given }) => text === 'sorted' && given[0]?.span[0] === start,
  )
  if (outer !== undefined) return
  const edits = [
    { start, end: start, text: 'sorted(' },
    { start: end, end, text: ')' },
  ]
  change(program, placed.cell, edits, {
    code: 'D8',
    line: call.line,
    found: `${call.text} lists files in the order of the disk`,
    action: 'sorted',
  })
}
