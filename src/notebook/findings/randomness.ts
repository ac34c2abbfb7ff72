/** What makes two runs differ (D8): unseeded generators, the clock, the order of folders, hashes. */
import type { Argument, Call, Parameter } from '../facts/facts.ts'
import type { Signatures } from '../facts/interpreter.ts'
import type { Edit } from '../rewrite/edit.ts'
import { addArgument } from '../rewrite/lifting.ts'
import {
  boundBy,
  change,
  importsOf,
  isOpen,
  report,
  seedOf,
  seedSetting,
  variablesOf,
  type Placed,
  type Program,
} from '../rewrite/program.ts'

/** Calls of scikit-learn that draw from NumPy's global generator unless they are given a state. */
const DRAWS =
  /(?:^|\.)(?:train_test_split|shuffle|resample|RandomForest\w+|ExtraTrees?\w*|GradientBoosting\w+|HistGradientBoosting\w+|DecisionTree\w+|Bagging\w+|AdaBoost\w+|IsolationForest|KMeans|MiniBatchKMeans|SGD\w+|MLP\w+|ShuffleSplit|StratifiedShuffleSplit|GroupShuffleSplit|RandomizedSearchCV|Perceptron|TSNE|make_(?:blobs|biclusters|checkerboard|circles|classification|friedman\d|gaussian\w+|hastie\w*|imbalance|low_rank\w+|moons|multilabel\w+|regression|s_curve|sparse\w+|spd\w+|swiss_roll)|GaussianMixture)$/
const GLOBAL =
  /^(?:np|numpy)\.random\.(?!default_rng|RandomState|seed|Generator|SeedSequence)\w+$|^random\.(?!seed|Random)\w+$|^torch\.(?:rand\w*|normal|multinomial)$/
const SEEDS = /(?:^|\.)(?:seed|manual_seed|set_seed|set_random_seed|seed_everything)$/
const CLOCK =
  /^(?:time\.time|time\.time_ns|time\.perf_counter|datetime\.(?:datetime\.)?(?:now|today|utcnow)|datetime\.date\.today|date\.today|pd\.Timestamp\.(?:now|today)|uuid\.uuid[14])$/
const FOLDERS = /^(?:glob\.glob|glob\.iglob|os\.listdir|glob|listdir)$/

/**
 * Seeds what is not seeded and sorts what a folder lists; the clock is reported. `known` are parameters of what the code calls, by dotted
 * name: a call that is made once and could be given a state is given one.
 */
export function treatRandomness(program: Program, known: Signatures): void {
  let seeded = false
  const drawn = new Map<number, string[]>()
  for (const placed of program.placed)
    for (const call of placed.statement.calls) {
      seeded ||= SEEDS.test(call.text)
      treatGenerator(program, placed, call)
      treatFolder(program, placed, call)
      if (!seeded && !passSeed(program, placed, call, known) && unseeded(call))
        drawn.set(placed.cell, [...(drawn.get(placed.cell) ?? []), call.text])
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
      action: 'set_seed seeds the global generators before the first step',
    })
}

/** Dotted names of what the code calls once and imports: their parameters say whether they can be given a state. */
export function calledOnce(program: Program): string[] {
  const names = program.placed.flatMap(({ statement }) =>
    statement.calls.flatMap((call) => (call.once ? (dottedName(program, call) ?? []) : [])),
  )
  return [...new Set(names)]
}

/** Large libraries whose functions draw from a global generator or from none: their files are not read. */
const GLOBAL_ONLY = /^(?:numpy|pandas|matplotlib|seaborn)(?:\.|$)/

/** `sklearn.ensemble.RandomForestClassifier` for a call by whatever name its import gives it; undefined for what is not imported. */
function dottedName(program: Program, { text, root }: Call): string | undefined {
  if (root === null || !/^[\w.]+$/.test(text) || variablesOf(program).has(root)) return undefined
  const rest = text.slice(root.length)
  const found = importsOf(program).find((one) => one.level === 0 && boundBy(one) === root)
  if (found === undefined || GLOBAL_ONLY.test(found.module)) return undefined
  if (found.name !== null) return `${found.module}.${found.name}${rest}`
  return found.as === null ? text : `${found.module}${rest}`
}

const STATES = ['random_state', 'seed']

interface Free {
  /** The parameter. */
  readonly name: string
  /** `None`, where the call gives that. */
  readonly given: Argument | undefined
}

/** The parameter for a state that a callable has and a call leaves open; undefined where there is none, or where it draws nothing. */
function freeState(call: Call, parameters: readonly Parameter[]): Free | undefined {
  const state = parameters.find(({ name, default: value }) => STATES.includes(name) && value === 'None')
  if (state === undefined || shufflesNot(call, parameters) || !drawsAsAsked(call)) return undefined
  const given = call.keywords.find(({ name }) => name === state.name)
  if (given !== undefined) return given.text === 'None' ? { name: state.name, given } : undefined
  const hidden = isOpen(call) || call.arguments.length > (state.at ?? Infinity)
  return hidden ? undefined : { name: state.name, given }
}

/** Gives a call the seed that its callable takes and the code does not give; whether it has one now. */
function passSeed(program: Program, placed: Placed, call: Call, known: Signatures): boolean {
  const parameters = call.once ? known[dottedName(program, call) ?? ''] : undefined
  const free = freeState(call, parameters ?? [])
  if (free === undefined) return false
  const { name, given } = free
  const setting = seedSetting(program)
  const give = (edits: Edit[], value: string): void => {
    if (given === undefined) addArgument(edits, call, `${name}=${value}`)
    else edits.push({ start: given.span[0], end: given.span[1], text: value })
  }
  if (setting !== undefined) placed.needs.add(setting.name)
  give(program.alike.get(placed.cell) ?? [], String(seedOf(program)))
  give(program.edits.get(placed.cell) ?? [], setting?.name ?? '0')
  change(program, placed.cell, [], {
    code: 'D8',
    line: call.line,
    found: `${call.text} may draw by chance, and nothing seeds it`,
    action: `${name} is the ${setting === undefined ? 'number 0' : `setting ${setting.name}`}; the proof runs the original with it too`,
  })
  return true
}

/** Splitters that do not shuffle refuse a state. */
function shufflesNot(call: Call, parameters: readonly Parameter[]): boolean {
  const shuffle = parameters.find(({ name }) => name === 'shuffle')
  if (shuffle?.default !== 'False') return false
  const given = call.keywords.find(({ name }) => name === 'shuffle') ?? call.arguments[shuffle.at ?? Infinity]
  return given?.text !== 'True'
}

/** Estimators of scikit-learn that draw only where one of these settings is asked for: as they are, a state would only be noise. */
const RARELY: readonly (readonly [callable: RegExp, setting: string, values: RegExp])[] = [
  [/(?:^|\.)(?:LogisticRegression(?:CV)?|Ridge(?:Classifier)?)$/, 'solver', /sag|liblinear/],
  [/(?:^|\.)(?:SVC|NuSVC)$/, 'probability', /^True$/],
  [/(?:^|\.)(?:Lasso|ElasticNet|MultiTaskLasso|MultiTaskElasticNet)(?:CV)?$/, 'selection', /random/],
]

function drawsAsAsked({ text, keywords }: Call): boolean {
  const [, setting, values] = RARELY.find(([callable]) => callable.test(text)) ?? []
  if (setting === undefined || values === undefined) return true
  const given = keywords.find(({ name }) => name === setting)
  return given !== undefined && (given.literal === null || values.test(given.text))
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
  const setting = seedSetting(program)
  if (setting !== undefined) placed.needs.add(setting.name)
  change(program, placed.cell, [{ start: call.close, end: call.close, text: setting?.name ?? '0' }], {
    code: 'D8',
    line: call.line,
    found: `${call.text}() without a seed`,
    action: setting === undefined ? 'seeded with 0' : `seeded with the setting ${setting.name}`,
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
