/** The project file: a good one is read, and every kind of fault names its line, its key and what was expected. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseProject, readProject } from './parse.ts'
import { projectJsonSchema, rolloutPlan } from './project.ts'
import { parseBytes, parseDuration } from './values/units.ts'

const GOOD = `project: flights
python: {requires: ">=3.10", packages: [scikit-learn, pandas, mlflow-skinny]}
pipeline:
  steps:
    ingest: {run: flights.ingest:main, outputs: [flights, weather]}
    features: {run: flights.features:main, inputs: {flights: ingest.flights, weather: ingest.weather}, outputs: [train, holdout]}
    train: {run: flights.train:main, inputs: {train: features.train}, params: {max_iter: 200}, outputs: [model], timeout: 10m}
    evaluate: {run: [python, evaluate.py, "--model={inputs.model}"], inputs: {model: train.model, holdout: features.holdout}}
  schedule: {cron: "0 4 * * *", timezone: America/New_York}
model:
  name: flight-delay
  from: train.model
  gates:
    - {metric: roc_auc, at_least: 0.68}
    - {metric: roc_auc, not_worse_than: production, margin: 0.005, confidence: 0.95}
    - {metric: roc_auc, slice: carrier, not_worse_than: production, margin: 0.03}
    - {signature: compatible}
endpoint:
  name: flight-delay
  rollout: {shadow: 1000 requests, canary: [5%, 25%, 50%], each: {min_requests: 500}, on_failure: rollback}
monitor:
  labels: {join: prediction_id, delay: 2d}
  slices: [carrier, origin]
  false_alerts: 1 per month
  reactions: {drift: [incident, retrain], quality: [incident, rollback]}
`

test('the project file of the design is read whole', () => {
  const project = parseProject(GOOD)
  assert.deepEqual(Object.keys(project.pipeline.steps), ['ingest', 'features', 'train', 'evaluate'])
  assert.equal(project.pipeline.steps['train']?.params['max_iter'], 200)
  assert.equal(project.pipeline.schedule?.timezone, 'America/New_York')
  assert.equal(project.model?.gates.length, 4)
  const plan = rolloutPlan(project)
  assert.deepEqual(plan?.canary, [500, 2500, 5000])
  assert.equal(plan?.shadow.requests, 1000)
  assert.deepEqual(project.monitor?.reactions.drift, ['incident', 'retrain'])
})

/** Name, text to replace, replacement, line, and what the message must say. */
const FAULTS: [string, string, string, number, RegExp][] = [
  ['unknown top key', 'monitor:', 'monitr:', 21, /monitr: unknown key; did you mean "monitor"\?/],
  ['unknown step key', 'timeout: 10m', 'timout: 10m', 7, /train\.timout: unknown key; did you mean "timeout"\?/],
  ['unknown key without a near one', 'timeout: 10m', 'colour: red', 7, /unknown key; expected one of: run, inputs/],
  [
    'a gate without a limit',
    '{metric: roc_auc, at_least: 0.68}',
    '{metric: roc_auc, slice: carrier}',
    14,
    /gates\.0: got .*, expected a limit: at_least, at_most, not_worse_than or jump_at_most/,
  ],
  ['missing project', 'project: flights\n', '', 1, /project: missing; expected a text/],
  ['wrong project name', 'project: flights', 'project: "two words"', 1, /project: got "two words", expected letters/],
  [
    'wrong entry',
    'flights.ingest:main',
    'flights/ingest.py',
    5,
    /ingest\.run: got "flights\/ingest\.py", expected module:function/,
  ],
  ['unknown step', 'ingest.flights', 'ingst.flights', 6, /no step "ingst"; did you mean "ingest"\?/],
  ['unknown output', 'ingest.weather', 'ingest.wether', 6, /has no output "wether".*did you mean "ingest\.weather"/],
  ['wrong reference', 'ingest.weather', 'weather', 6, /got "weather", expected STEP\.OUTPUT/],
  [
    'cycle',
    'flights.ingest:main,',
    'flights.ingest:main, after: [evaluate],',
    5,
    /need each other: ingest → evaluate → train → features → ingest/,
  ],
  [
    'needs itself',
    'flights.ingest:main,',
    'flights.ingest:main, after: [ingest],',
    5,
    /need each other: ingest → ingest/,
  ],
  ['duplicate key', 'project: flights', 'project: flights\nproject: other', 2, /there twice/],
  ['duplicate step', '    evaluate:', '    train:', 8, /there twice/],
  ['duplicate output', '[flights, weather]', '[flights, flights]', 5, /"flights" is there twice/],
  ['colliding names', 'params: {max_iter: 200}', 'params: {train: 200}', 7, /"train" is already an input/],
  [
    'not an identifier',
    'params: {max_iter: 200}',
    'params: {max-iter: 200}',
    7,
    /the name "max-iter" is not accepted; expected a Python identifier/,
  ],
  ['wrong duration', 'timeout: 10m', 'timeout: ten', 7, /timeout: got "ten", expected a duration/],
  ['wrong size', 'timeout: 10m', 'resources: {memory: lots}', 7, /memory: got "lots", expected a size/],
  [
    'wrong cache policy',
    'timeout: 10m',
    'cache: sometimes',
    7,
    /cache: got "sometimes", expected one of "auto", "always", "never"/,
  ],
  ['wrong type', 'outputs: [model]', 'outputs: model', 7, /outputs: got "model", expected a list/],
  ['wrong cron', '"0 4 * * *"', '"every day"', 9, /schedule\.cron: got "every day", expected five fields/],
  ['wrong time zone', 'America/New_York', 'Mars/Olympus', 9, /timezone: got "Mars\/Olympus", expected a time zone/],
  ['wrong gate', 'at_least: 0.68', 'at_leest: 0.68', 14, /at_leest: unknown key; did you mean "at_least"/],
  ['wrong gate value', 'at_least: 0.68', 'at_least: high', 14, /at_least: got "high", expected a number/],
  [
    'model from nowhere',
    'from: train.model',
    'from: train.modle',
    12,
    /model\.from: step "train" has no output "modle"/,
  ],
  ['wrong placeholder', '{inputs.model}', '{inputs.modle}', 8, /\{inputs\.modle\} names no input of this step/],
  ['wrong python range', '">=3.10"', 'three', 2, /requires: got "three", expected a version range/],
  [
    'wrong rollout',
    'on_failure: rollback',
    'on_failure: pray',
    20,
    /on_failure: got "pray", expected one of "rollback", "pause"/,
  ],
  ['wrong share', '[5%,', '[five,', 20, /canary\.0: got "five", expected a share/],
  ['tab', '  steps:', '\tsteps:', 4, /tab indents/],
  ['broken YAML', '[flights, weather]', '[flights, weather', 5, /not valid YAML/],
  ['retries', 'timeout: 10m', 'retries: {usr: 1}', 7, /retries\.usr: unknown key; did you mean "user"/],
]

for (const [name, from, to, line, expected] of FAULTS) {
  test(`a fault is told with its line: ${name}`, () => {
    assert.ok(GOOD.includes(from), 'the case changes something')
    assert.throws(
      () => parseProject(GOOD.replace(from, to)),
      (error: Error) => {
        assert.match(error.message, expected)
        assert.equal(Number(/^slipway\.yaml:(\d+):/.exec(error.message)?.[1]), line, error.message)
        return true
      },
    )
  })
}

test('odd files are refused, not crashed on', () => {
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghij'
    .split('')
    .map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghij'[i]}`).join(',')}]`)
    .join('\n')}\n`
  for (const text of [
    '',
    '[]',
    '42',
    'just text',
    'a: *missing',
    '{',
    bomb,
    'project: !!binary x',
    `project: ${'x'.repeat(500)}`,
  ]) {
    const result = readProject(text)
    assert.ok(result.faults.length > 0, text.slice(0, 40))
  }
})

test('several faults are told at once', () => {
  const result = readProject('project: 1\npipeline:\n  steps:\n    a: {run: 5, cach: auto}\n')
  assert.deepEqual(
    result.faults.map((fault) => fault.line).sort((a, b) => a - b),
    [1, 4, 4],
  )
})

test('durations and sizes', () => {
  assert.equal(parseDuration('1.5h'), 5_400_000)
  assert.equal(parseDuration(90), 90_000)
  assert.equal(parseDuration('0s'), undefined)
  assert.equal(parseBytes('2GiB'), 2 ** 31)
  assert.equal(parseBytes('512mb'), 512_000_000)
  assert.equal(parseBytes('2Gi'), 2 ** 31)
  assert.equal(parseBytes('500M'), 500_000_000)
  assert.equal(parseBytes('500m'), undefined)
  assert.equal(parseBytes('-1'), undefined)
})

test('the published schema is the one of the code', () => {
  const published = JSON.parse(
    readFileSync(new URL('../../../docs/reference/slipway.schema.json', import.meta.url), 'utf8'),
  )
  assert.deepEqual(published, projectJsonSchema(), 'run: npm run docs')
})

test('a rollout with people, times and numbers of the business is read, and what does not fit together is told with its line', () => {
  const rich = GOOD.replace(
    '  rollout: {shadow: 1000 requests, canary: [5%, 25%, 50%], each: {min_requests: 500}, on_failure: rollback}',
    `  rollout:
    mode: ab
    metrics: [{name: bought}]
    ab: {metric: bought, share: 20%}
    approvals: [{before: 20%}, {before: promote, role: admin}]
    freeze: [{cron: "0 18 * * 5", timezone: Europe/Berlin, hours: 62}]
    watch: {labels: 500, hours: 72}`,
  )
  const plan = rolloutPlan(parseProject(rich))
  assert.deepEqual(plan?.ab, { share: 2000, metric: 'bought', alpha: 0.05, max_values: 100_000 })
  assert.deepEqual(plan?.approvals, [
    { before: 2000, role: 'maintainer' },
    { before: 'promote', role: 'admin' },
  ])
  const faults: readonly (readonly [string, string, RegExp])[] = [
    [
      'metric: bought,',
      'metric: clicked,',
      /:23: endpoint\.rollout\.ab\.metric: got "clicked", expected one of the plan's/,
    ],
    [
      'before: 20%',
      'before: 30%',
      /:24: endpoint\.rollout\.approvals\.0\.before: got "30%", expected a share of the plan/,
    ],
    [
      'Europe/Berlin',
      'Mars/Olympus',
      /:25: endpoint\.rollout\.freeze\.0\.timezone: got "Mars\/Olympus", expected a time/,
    ],
    ['role: admin', 'role: king', /:24: endpoint\.rollout\.approvals\.1\.role: got "king"/],
    ['    mode: ab\n', '', /endpoint\.rollout\.mode: missing; expected mode: ab and ab: \{metric: NAME\} together/],
  ]
  for (const [from, to, expected] of faults) assert.throws(() => parseProject(rich.replace(from, to)), expected)
})

test('of very many faults the first are told, and that there are more', () => {
  const unknown = Array.from({ length: 5000 }, (_, i) => `k${i}: 1`).join('\n')
  const wrong = Array.from({ length: 500 }, (_, i) => `    s${i}: {run: 1}`).join('\n')
  for (const [text, first] of [
    [`project: p\n${unknown}\n`, /"k0","message":"unknown key/],
    [`project: p\npipeline:\n  steps:\n${wrong}\n`, /"pipeline\.steps\.s0\.run/],
  ] as const)
    assert.throws(
      () => parseProject(text),
      (error: Error & { data?: { faults?: readonly unknown[] } }) => {
        const told = JSON.stringify(error.data?.faults ?? error.message)
        assert.match(told, first)
        assert.match(told, /more than 100 faults; mend these first/)
        assert.ok((error.data?.faults ?? []).length <= 102)
        return true
      },
    )
})
