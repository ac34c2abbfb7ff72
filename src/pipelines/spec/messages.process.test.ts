/** What is said of wrong project files: each message names its key, what stands there and what was expected, and none hides another. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Problem } from '../../contract/errors.ts'
import { specOf } from './edits.fixture.ts'
import { readProject } from './parse.ts'

type Section = 'step' | 'python' | 'pipe' | 'gates' | 'rollout' | 'monitor' | 'model' | 'endpoint'

/** A file that can be run but for what is put into one of its sections. */
const file = (given: Readonly<Partial<Record<Section, string>>>): string => `project: p
python: ${given.python ?? '{}'}
pipeline:
  steps:
    a: {run: m:f, outputs: [o]${given.step === undefined ? '' : `, ${given.step}`}}
  ${given.pipe ?? ''}
model: ${given.model ?? `{name: m, from: a.o, gates: [${given.gates ?? ''}]}`}
endpoint: ${given.endpoint ?? `{name: e, rollout: {${given.rollout ?? ''}}}`}
monitor: {${given.monitor ?? ''}}
`

const said = (text: string): string[] => readProject(text).faults.map(({ key, message }) => `${key}: ${message}`)

// prettier-ignore
const WRONG: readonly (readonly [Section, wrong: string, says: readonly string[]])[] = [
  ["step", "seed: -1", ["pipeline.steps.a.seed: got -1, expected at least 0"]],
  ["step", "seed: 1.5", ["pipeline.steps.a.seed: got 1.5, expected a whole number"]],
  ["step", "seed: 5000000000", ["pipeline.steps.a.seed: got 5000000000, expected at most 4294967295"]],
  ["step", "seed: x", ["pipeline.steps.a.seed: got \"x\", expected a number"]],
  ["step", "timeout: soon", ["pipeline.steps.a.timeout: got \"soon\", expected a duration, for example 90s, 10m, 2h or 1d"]],
  ["step", "timeout: -3", ["pipeline.steps.a.timeout: got -3, expected a duration, for example 90s, 10m, 2h or 1d"]],
  ["step", "timeout: []", ["pipeline.steps.a.timeout: got [], expected a duration, for example 90s, 10m, 2h or 1d"]],
  ["step", "silent_timeout: 0", ["pipeline.steps.a.silent_timeout: got 0, expected a duration, for example 90s, 10m, 2h or 1d"]],
  ["step", "queued_timeout: soon", ["pipeline.steps.a.queued_timeout: got \"soon\", expected a duration, for example 90s, 10m, 2h or 1d"]],
  ["step", "starting_timeout: -1", ["pipeline.steps.a.starting_timeout: got -1, expected a duration, for example 90s, 10m, 2h or 1d"]],
  ["step", "pool: a b", ["pipeline.steps.a.pool: got \"a b\", expected letters, digits, \"_\", \".\" and \"-\", at most 128, beginning with a letter or digit"]],
  ["pipe", "priority: 11", ["pipeline.priority: got 11, expected at most 10"]],
  ["pipe", "priority: high", ["pipeline.priority: got \"high\", expected a number"]],
  ["pipe", "timeout: []", ["pipeline.timeout: got [], expected a duration, for example 90s, 10m, 2h or 1d"]],
  ["step", "retries: {user: 101}", ["pipeline.steps.a.retries.user: got 101, expected at most 100"]],
  ["step", "retries: {oops: 1}", ["pipeline.steps.a.retries.oops: unknown key; expected one of: user, environment, out_of_memory, timeout, infrastructure, preempted"]],
  ["step", "retries: 3", ["pipeline.steps.a.retries: got 3, expected keys with values"]],
  ["step", "resources: {cpus: 0}", ["pipeline.steps.a.resources.cpus: got 0, expected at least 1"]],
  ["step", "resources: {cpus: 2000}", ["pipeline.steps.a.resources.cpus: got 2000, expected at most 1024"]],
  ["step", "resources: {memory: lots}", ["pipeline.steps.a.resources.memory: got \"lots\", expected a size, for example 512MiB, 2GiB or 2Gi"]],
  ["step", "cache: maybe", ["pipeline.steps.a.cache: got \"maybe\", expected one of \"auto\", \"always\", \"never\""]],
  ["step", "env: {lower: 1}", ["pipeline.steps.a.env.lower: the name \"lower\" is not accepted; expected capital letters, digits and \"_\""]],
  ["step", "env: {A: [1]}", ["pipeline.steps.a.env.A: got [1], expected a text, a number, true or false"]],
  ["step", "secrets: [lower]", ["pipeline.steps.a.secrets.0: got \"lower\", expected capital letters, digits and \"_\""]],
  ["step", "secrets: A", ["pipeline.steps.a.secrets: got \"A\", expected a list"]],
  ["step", "after: a", ["pipeline.steps.a.after: got \"a\", expected a list"]],
  ["step", "after: [b]", ["pipeline.steps.a.after.0: there is no step \"b\"; did you mean \"a\"?"]],
  ["step", "params: {1x: 2}", ["pipeline.steps.a.params.1x: the name \"1x\" is not accepted; expected a Python identifier: letters, digits and \"_\", not beginning with a digit"]],
  ["step", "inputs: {x: 3}", ["pipeline.steps.a.inputs.x: got 3, expected a text"]],
  ["step", "inputs: {x: a.b.c}", ["pipeline.steps.a.inputs.x: got \"a.b.c\", expected STEP.OUTPUT, for example features.train"]],
  ["step", "params: [1]", ["pipeline.steps.a.params: got [1], expected keys with values"]],
  ["python", "{requires: three}", ["python.requires: got \"three\", expected a version range, for example \">=3.10\" or \">=3.10,<3.13\""]],
  ["python", "{packages: x}", ["python.packages: got \"x\", expected a list"]],
  ["python", "{packages: [1]}", ["python.packages.0: got 1, expected a text"]],
  ["python", "{packages: [\"\"]}", ["python.packages.0: got \"\", expected at least 1 character"]],
  ["python", "{lock: 3}", ["python.lock: got 3, expected a text"]],
  ["python", "{foo: 1}", ["python.foo: unknown key; expected one of: requires, packages, requirements, pyproject, lock"]],
  ["python", "3.11", ["python: got 3.11, expected keys with values"]],
  ["pipe", "schedule: {cron: \"* *\"}", ["pipeline.schedule.cron: got \"* *\", expected five fields such as \"0 4 * * *\""]],
  ["pipe", "schedule: {cron: \"1 2 3 4 5 6 7 8 9\"}", ["pipeline.schedule.cron: got \"1 2 3 4 5 6 7 8 9\", expected five fields such as \"0 4 * * *\""]],
  ["pipe", "schedule: {cron: \"0 4 * * *\", timezone: Mars/X}", ["pipeline.schedule.timezone: got \"Mars/X\", expected a time zone such as Europe/Berlin or America/New_York"]],
  ["pipe", "schedule: {timezone: UTC}", ["pipeline.schedule.cron: missing; expected a text"]],
  ["pipe", "schedule: daily", ["pipeline.schedule: got \"daily\", expected keys with values"]],
  ["pipe", "schedule: {cron: \"0 4 * * *\", missed: all of them}", ["pipeline.schedule.missed: got \"all of them\", expected one of \"skip\", \"last\", \"all\""]],
  ["pipe", "reads: sometimes", ["pipeline.reads: got \"sometimes\", expected one of \"warn\", \"strict\""]],
  ["pipe", "salt: 3", ["pipeline.salt: got 3, expected a text"]],
  ["pipe", "schedule: {cron: \"0 0 31 2 *\"}", ["pipeline.schedule.cron: got \"0 0 31 2 *\", which never comes; expected a time that does"]],
  ["pipe", "step: {}", ["pipeline.step: unknown key; did you mean \"steps\"? Expected one of: params, on, steps, schedule, partitions, triggers, timeout, priority, reads, salt"]],
  ["gates", "{metric: x, at_least: 1, at_most: 0}", ["model.gates.0: got {\"metric\":\"x\",\"at_least\":1,\"at_most\":0}, expected an at_most that is not below at_least, for no value is both"]],
  ["gates", "{metric: x, at_least: a}", ["model.gates.0.at_least: got \"a\", expected a number"]],
  ["gates", "{metric: x, at_least: .nan}", ["model.gates.0.at_least: got .nan, expected a finite number"]],
  ["gates", "{metric: x, at_least: .inf}", ["model.gates.0.at_least: got .inf, expected a finite number"]],
  ["gates", "{metric: x, confidence: 0.5, at_least: 1}", ["model.gates.0.confidence: got 0.5, expected more than 0.5"]],
  ["gates", "{metric: x, confidence: 1, at_least: 1}", ["model.gates.0.confidence: got 1, expected less than 1"]],
  ["gates", "{metric: x, not_worse_than: production, margin: -1}", ["model.gates.0.margin: got -1, expected at least 0"]],
  ["gates", "{metric: x, not_worse_than: production, at_least: 1}", ["model.gates.0.at_least: does not go with \"not_worse_than\"; beside it expected: metric, slice, not_worse_than, margin, confidence, method, multiplicity"]],
  ["gates", "{metric: x, at_least: 1, jump_at_most: 2}", ["model.gates.0.at_least: does not go with \"jump_at_most\"; beside it expected: metric, jump_at_most, against"]],
  ["gates", "{metric: x, jump_at_most: 0}", ["model.gates.0.jump_at_most: got 0, expected more than 0"]],
  ["gates", "{metric: \"\", at_least: 1}", ["model.gates.0.metric: got \"\", expected at least 1 character"]],
  ["gates", "{metric: x, not_worse_than: \"\"}", ["model.gates.0.not_worse_than: got \"\", expected at least 1 character"]],
  ["gates", "{metric: x, not_worse_than: production, method: magic}", ["model.gates.0.method: got \"magic\", expected one of \"auto\", \"delong\", \"bootstrap\"","model.gates.0.not_worse_than: unknown key; did you mean \"not_worse_than\"? Expected one of: metric, at_least, at_most, slice, confidence, multiplicity, not_worse_than, margin, method, jump_at_most, against, signature, data, reproducibility, scan, approvals, role"]],
  ["gates", "{signature: maybe}", ["model.gates.0.signature: got \"maybe\", expected \"compatible\""]],
  ["gates", "{reproducibility: C}", ["model.gates.0.reproducibility: got \"C\", expected one of \"A\", \"B\""]],
  ["gates", "{approvals: 0}", ["model.gates.0.approvals: got 0, expected at least 1"]],
  ["gates", "{approvals: 21}", ["model.gates.0.approvals: got 21, expected at most 20"]],
  ["gates", "{approvals: 1, role: owner}", ["model.gates.0.role: got \"owner\", expected one of \"maintainer\", \"admin\""]],
  ["gates", "{scan: dirty}", ["model.gates.0.scan: got \"dirty\", expected \"clean\""]],
  ["gates", "{metrc: x, at_least: 1}", ["model.gates.0.metric: missing; expected a text","model.gates.0.metrc: unknown key; did you mean \"metric\"? Expected one of: metric, at_least, at_most, slice, confidence, multiplicity"]],
  ["gates", "3", ["model.gates.0: got 3, expected keys with values"]],
  ["gates", "{}", ["model.gates.0: got {}, expected a gate: metric with a limit, or one of signature, data, reproducibility, scan, approvals"]],
  ["gates", "{metric: x}", ["model.gates.0: got {\"metric\":\"x\"}, expected a limit: at_least, at_most, not_worse_than or jump_at_most"]],
  ["gates", "{metric: x, at_least: 1, multiplicity: z}", ["model.gates.0.multiplicity: got \"z\", expected one of \"bh\", \"holm\""]],
  ["gates", "{metric: x, against: 3}", ["model.gates.0.against: does not go with \"metric\"; beside it expected: metric, at_least, at_most, slice, confidence, multiplicity"]],
  ["gates", "{at_least: 1}", ["model.gates.0.metric: missing; expected a text"]],
  ["gates", "{metric: x, slice: 3, at_least: 1}", ["model.gates.0.slice: got 3, expected a text"]],
  ["gates", "{metric: x, confidence: 0.9, jump_at_most: 2}", ["model.gates.0.confidence: does not go with \"jump_at_most\"; beside it expected: metric, jump_at_most, against"]],
  ["rollout", "mode: x", ["endpoint.rollout.mode: got \"x\", expected one of \"canary\", \"blue_green\", \"ab\""]],
  ["rollout", "shadow: many", ["endpoint.rollout.shadow: got \"many\", expected a number of rows up to 1000000, for example \"1000 requests\""]],
  ["rollout", "shadow: -1 requests", ["endpoint.rollout.shadow: got \"-1 requests\", expected a number of rows up to 1000000, for example \"1000 requests\""]],
  ["rollout", "shadow: {requests: -1}", ["endpoint.rollout.shadow.requests: got -1, expected at least 0","endpoint.rollout.shadow.requests: missing; expected a number"]],
  ["rollout", "shadow: {requests: 2000000}", ["endpoint.rollout.shadow.requests: got 2000000, expected at most 1000000","endpoint.rollout.shadow.requests: missing; expected a number"]],
  ["rollout", "shadow: \"2000000 requests\"", ["endpoint.rollout.shadow: got \"2000000 requests\", expected a number of rows up to 1000000, for example \"1000 requests\""]],
  ["rollout", "shadow: 3", ["endpoint.rollout.shadow: got 3, expected a text or keys with values"]],
  ["rollout", "canary: [500%]", ["endpoint.rollout.canary.0: got \"500%\", expected a share from 0.01% to 100%, for example 5%; a number without % is in hundredths of a per cent"]],
  ["rollout", "canary: [0%]", ["endpoint.rollout.canary.0: got \"0%\", expected a share from 0.01% to 100%, for example 5%; a number without % is in hundredths of a per cent"]],
  ["rollout", "canary: [20000]", ["endpoint.rollout.canary.0: got 20000, expected a share from 0.01% to 100%, for example 5%; a number without % is in hundredths of a per cent"]],
  ["rollout", "canary: [0]", ["endpoint.rollout.canary.0: got 0, expected a share from 0.01% to 100%, for example 5%; a number without % is in hundredths of a per cent"]],
  ["rollout", "canary: [1.5]", ["endpoint.rollout.canary.0: got 1.5, expected a share from 0.01% to 100%, for example 5%; a number without % is in hundredths of a per cent"]],
  ["rollout", "canary: 5%", ["endpoint.rollout.canary: got \"5%\", expected a list"]],
  ["rollout", "canary: [50%, 5%]", ["endpoint.rollout.canary: got [\"50%\",\"5%\"], expected shares that rise, for example [5%, 25%, 50%]"]],
  ["rollout", "canary: [0.001%]", ["endpoint.rollout.canary.0: got \"0.001%\", expected a share from 0.01% to 100%, for example 5%; a number without % is in hundredths of a per cent"]],
  ["rollout", "each: {min_requests: 0}", ["endpoint.rollout.each.min_requests: got 0, expected at least 1"]],
  ["rollout", "each: 3", ["endpoint.rollout.each: got 3, expected keys with values"]],
  ["rollout", "gates: {error_rate: {at_most: 1}}", ["endpoint.rollout.gates.error_rate.at_most: got 1, expected less than 1"]],
  ["rollout", "gates: {error_rate: {at_most: 0}}", ["endpoint.rollout.gates.error_rate.at_most: got 0, expected at least 0.000001"]],
  ["rollout", "gates: {error_rate_vs_stable: true}", ["endpoint.rollout.gates.error_rate_vs_stable: got true, expected false or keys with values"]],
  ["rollout", "gates: {error_rate_vs_stable: {above: 0}}", ["endpoint.rollout.gates.error_rate_vs_stable.above: got 0, expected at least 0.000001"]],
  ["rollout", "gates: {latency: {p99_ratio_at_most: 1}}", ["endpoint.rollout.gates.latency.p99_ratio_at_most: got 1, expected more than 1"]],
  ["rollout", "gates: {quality: {loss: squared}}", ["endpoint.rollout.gates.quality.range: missing; expected the least and the greatest loss, which loss: squared needs, for example [0, 400] where predictions are off by 20 at most"]],
  ["rollout", "gates: {quality: {loss: squared, range: [4, 0]}}", ["endpoint.rollout.gates.quality.range: got [4,0], expected a greatest loss above the least by more than the tolerance"]],
  ["rollout", "gates: {quality: {range: [0]}}", ["endpoint.rollout.gates.quality.range: got [0], expected at least 2 entries"]],
  ["rollout", "gates: {qualty: {}}", ["endpoint.rollout.gates.qualty: unknown key; did you mean \"quality\"? Expected one of: error_rate, error_rate_vs_stable, latency, score_shift, decision_flips, quality"]],
  ["rollout", "gates: {decision_flips: {at_most: 0.1}}", ["endpoint.rollout.gates.decision_flips.threshold: missing; expected a number"]],
  ["rollout", "alpha: 0.5", ["endpoint.rollout.alpha: got 0.5, expected less than 0.5"]],
  ["rollout", "alpha: 0", ["endpoint.rollout.alpha: got 0, expected more than 0"]],
  ["rollout", "max_wait_hours: 0", ["endpoint.rollout.max_wait_hours: got 0, expected more than 0"]],
  ["rollout", "challengers: 1", ["endpoint.rollout.challengers: got 1, expected at least 2"]],
  ["rollout", "challengers: 9", ["endpoint.rollout.challengers: got 9, expected at most 8"]],
  ["rollout", "challengers: 2.5", ["endpoint.rollout.challengers: got 2.5, expected a whole number"]],
  ["rollout", "metrics: [{name: Bad}]", ["endpoint.rollout.metrics.0.name: got \"Bad\", expected small letters, digits and _, for example conversion"]],
  ["rollout", "metrics: [{name: a, range: [1, 0]}]", ["endpoint.rollout.metrics.0.range: got [1,0], expected a greatest value above the least by more than the tolerance"]],
  ["rollout", "metrics: [{name: a}, {name: a}]", ["endpoint.rollout.metrics: got [{\"name\":\"a\"},{\"name\":\"a\"}], expected each metric once"]],
  ["rollout", "mode: ab", ["endpoint.rollout.mode: got \"ab\", expected mode: ab and ab: {metric: NAME} together, or neither"]],
  ["rollout", "ab: {metric: x}", ["endpoint.rollout.mode: missing; expected mode: ab and ab: {metric: NAME} together, or neither","endpoint.rollout.ab.metric: got \"x\", expected one of the plan's metrics (none)"]],
  ["rollout", "mode: ab, ab: {metric: x, share: 0%}", ["endpoint.rollout.ab.share: got \"0%\", expected a share from 0.01% to 100%, for example 5%; a number without % is in hundredths of a per cent","endpoint.rollout.ab.metric: got \"x\", expected one of the plan's metrics (none)"]],
  ["rollout", "mode: ab, ab: {metric: x, share: 101%}", ["endpoint.rollout.ab.share: got \"101%\", expected a share from 0.01% to 100%, for example 5%; a number without % is in hundredths of a per cent","endpoint.rollout.ab.metric: got \"x\", expected one of the plan's metrics (none)"]],
  ["rollout", "mode: ab, ab: {metric: x, max_values: 1}, metrics: [{name: x}]", ["endpoint.rollout.ab.max_values: got 1, expected at least 10"]],
  ["rollout", "approvals: [{before: 33%}]", ["endpoint.rollout.approvals.0.before: got \"33%\", expected a share of the plan, or promote"]],
  ["rollout", "approvals: [{before: never}]", ["endpoint.rollout.approvals.0.before: got \"never\", expected a share from 0.01% to 100%, for example 5%; a number without % is in hundredths of a per cent"]],
  ["rollout", "approvals: [{before: promote, role: x}]", ["endpoint.rollout.approvals.0.role: got \"x\", expected one of \"maintainer\", \"admin\""]],
  ["rollout", "freeze: [{cron: \"0 4 * * *\", hours: 0}]", ["endpoint.rollout.freeze.0.hours: got 0, expected more than 0"]],
  ["rollout", "freeze: [{cron: \"0 4 * * *\", hours: 1000}]", ["endpoint.rollout.freeze.0.hours: got 1000, expected at most 744"]],
  ["rollout", "freeze: [{cron: \"x\", hours: 1}]", ["endpoint.rollout.freeze.0.cron: got \"x\", expected five fields such as \"0 4 * * *\""]],
  ["rollout", "freeze: [{cron: \"0 4 * * * * * *\", hours: 1}]", ["endpoint.rollout.freeze.0.cron: got \"0 4 * * * * * *\", expected five fields such as \"0 4 * * *\""]],
  ["rollout", "hold: {labels: 0, hours: 1}", ["endpoint.rollout.hold.labels: got 0, expected at least 1"]],
  ["rollout", "watch: {labels: 1, hours: 0}", ["endpoint.rollout.watch.hours: got 0, expected more than 0"]],
  ["rollout", "on_failure: panic", ["endpoint.rollout.on_failure: got \"panic\", expected one of \"rollback\", \"pause\""]],
  ["rollout", "slices: [1]", ["endpoint.rollout.slices.0: got 1, expected a text"]],
  ["rollout", "slices: x", ["endpoint.rollout.slices: got \"x\", expected a list"]],
  ["rollout", "slices: [a,b,c,d,e,f,g,h,i,j,k]", ["endpoint.rollout.slices: got [\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\",\"k\"], expected at most 10 entries"]],
  ["monitor", "enabled: 1", ["monitor.enabled: got 1, expected true or false"]],
  ["monitor", "labels: {delay: soon}", ["monitor.labels.delay: got \"soon\", expected a length of time, for example \"2d\", \"12h\", \"90m\" or \"1w\""]],
  ["monitor", "labels: {join: id}", ["monitor.labels.join: got \"id\", expected \"prediction_id\""]],
  ["monitor", "slices: x", ["monitor.slices: got \"x\", expected a list"]],
  ["monitor", "false_alerts: often", ["monitor.false_alerts: got \"often\", expected a rate of at least 1, for example \"1 per month\""]],
  ["monitor", "false_alerts: 0 per month", ["monitor.false_alerts: got \"0 per month\", expected a rate of at least 1, for example \"1 per month\""]],
  ["python", "{requires: '>=3.13,<3.10'}", ["python.requires: got \">=3.13,<3.10\", expected a range with a Python 3 in it, for example \">=3.10,<3.13\""]],
  ["python", "{requires: '==3.11.4,!=3.11.4'}", ["python.requires: got \"==3.11.4,!=3.11.4\", expected a range with a Python 3 in it, for example \">=3.10,<3.13\""]],
  ["monitor", "reactions: {drift: [panic]}", ["monitor.reactions.drift.0: got \"panic\", expected one of \"incident\", \"retrain\", \"rollback\", \"halt\""]],
  ["monitor", "reactions: {drift: rollback}", ["monitor.reactions.drift: got \"rollback\", expected a list"]],
  ["monitor", "derived: 3", ["monitor.derived: got 3, expected a list"]],
  ["monitor", "same_unit: [a]", ["monitor.same_unit.0: got \"a\", expected a list"]],
  ["monitor", "reference: x", ["monitor.reference: got \"x\", expected STEP.OUTPUT, for example features.train"]],
  ["monitor", "reference: a.q", ["monitor.reference: step \"a\" has no output \"q\": its outputs are o; did you mean \"a.o\"?"]],
  ["monitor", "retrain: {b: {}}", ["monitor.retrain.b: there is no step \"b\"; did you mean \"a\"?"]],
  ["monitor", "retrain: {a: 3}", ["monitor.retrain.a: got 3, expected keys with values"]],
  ["monitor", "webhook: x", ["monitor.webhook: got \"x\", expected an http or https URL, or \"$SLIPWAY_WEBHOOK_NAME\", a variable of the server"]],
  ["monitor", "webhook: ftp://x/y", ["monitor.webhook: got \"ftp://x/y\", expected an http or https URL, or \"$SLIPWAY_WEBHOOK_NAME\", a variable of the server"]],
  ["monitor", "webhook: $HOME", ["monitor.webhook: got \"$HOME\", expected an http or https URL, or \"$SLIPWAY_WEBHOOK_NAME\", a variable of the server"]],
  ["monitor", "webhooks: [{name: A, url: \"http://x/\"}]", ["monitor.webhooks.0.name: got \"A\", expected small letters, digits, \"-\" and \"_\", at most 32"]],
  ["monitor", "webhooks: [{name: webhook, url: \"http://x/\"}]", ["monitor.webhooks: got [{\"name\":\"webhook\",\"url\":\"http://x/\"}], expected a name of its own for each; \"webhook\" is taken by the key of that name"]],
  ["monitor", "webhooks: [{name: a, url: \"http://x/\", from: loud}]", ["monitor.webhooks.0.from: got \"loud\", expected one of \"high\", \"medium\", \"low\", \"info\""]],
  ["monitor", "attribution: {floor: 2}", ["monitor.attribution.floor: got 2, expected at most 1"]],
  ["monitor", "attribution: {pages: x}", ["monitor.attribution.pages: got \"x\", expected true or false"]],
  ["monitor", "searches: [{search: \"\"}]", ["monitor.searches.0.search: got \"\", expected at least 1 character"]],
  ["monitor", "searches: [{search: x, more_than: -1}]", ["monitor.searches.0.more_than: got -1, expected at least 0"]],
  ["monitor", "searches: [{search: x, more_than: 1001}]", ["monitor.searches.0.more_than: got 1001, expected at most 1000"]],
  ["monitor", "searches: [x]", ["monitor.searches.0: got \"x\", expected keys with values"]],
  ["model", "{name: \"\"}", ["model.name: got \"\", expected letters, digits, \"_\", \".\" and \"-\", at most 128, beginning with a letter or digit","model.from: missing; expected a text"]],
  ["model", "{name: m, from: x}", ["model.from: got \"x\", expected STEP.OUTPUT, for example features.train"]],
  ["model", "{from: a.o}", ["model.name: missing; expected a text"]],
  ["model", "{name: m, from: a.o, gates: x}", ["model.gates: got \"x\", expected a list"]],
  ["model", "[]", ["model: got [], expected keys with values"]],
  ["model", "m", ["model: got \"m\", expected keys with values"]],
  ["endpoint", "{}", ["endpoint.name: missing; expected a text"]],
  ["endpoint", "e", ["endpoint: got \"e\", expected keys with values"]],
  ["endpoint", "{name: \"a b\"}", ["endpoint.name: got \"a b\", expected letters, digits, \"_\", \".\" and \"-\", at most 128, beginning with a letter or digit"]],
  ["endpoint", "{name: e, rollout: fast}", ["endpoint.rollout: got \"fast\", expected keys with values"]],
  ["endpoint", "{name: e, roll: {}}", ["endpoint.roll: unknown key; expected one of: name, rollout, features"]],
]

test('a file without anything wrong has no fault', () => assert.deepEqual(said(file({})), []))

for (const [section, wrong, says] of WRONG)
  test(`${section}: ${wrong}`, () => {
    assert.deepEqual(said(file({ [section]: wrong })), says)
    for (const one of says) {
      assert.match(
        one,
        /^[\w.]+: (got .+, expected .+|missing; expected .+|got .+, which never comes; expected .+|unknown key; .+|the name ".+" is not accepted; expected .+|there is no step .+|step ".+" has no output .+|does not go with .+)/,
      )
      assert.doesNotMatch(one, /Too (big|small)|Invalid|received|undefined|must match/)
    }
  })

test('faults of every section are told at once, and nothing that only follows from them', () => {
  const text = `project: "a b"
python: {packages: x, foo: 1}
pipeline:
  steps:
    a: {run: m, outputs: [o], timeout: soon}
    b: {inputs: {x: a.q, y: c.z}, cache: maybe}
    e: {run: m:f, outputs: [1x], params: {y: 1}, inputs: {y: b.k}}
    "d.e": {run: m:f}
  schedule: {cron: "x y z a b c d", timezone: Mars/X}
model: {name: m, from: d.e, gates: [{metrc: x}, {metric: y}, {metric: z, at_least: 2, at_most: 1}]}
endpoint: {name: e, rollout: {alpha: 3, mode: ab, approvals: [{before: 33%}], freeze: [{cron: "x y z a b c d", hours: 1}]}}
monitor: {reference: e.q, false_alerts: often, retrain: {f: {}, e: {k: 1}}}
`
  const keys = readProject(text).faults.map(({ line, key }) => `${line} ${key}`)
  assert.deepEqual(keys, KEYS)
})

/** Steps `a` as given and `b`, which takes `a.model`, `a.modle` and `a.gone`; what is said of them. */
const beside = (a: string): string[] =>
  said(`project: p
pipeline:
  steps:
    a: {${a}}
    b: {run: m:f, inputs: {x: a.model, y: a.modle, z: a.gone}, when: "steps.a.outputs.gone.size > 1"}
`)

const NO_MODLE =
  'pipeline.steps.b.inputs.y: step "a" has no output "modle": its outputs are model; did you mean "a.model"?'
const NO_GONE = 'pipeline.steps.b.inputs.z: step "a" has no output "gone": its outputs are model'

test('what is wrong in a step hides no wrong name of another, nor in the step itself', () => {
  const of = (a: string): string[] => beside(a).filter((one) => one.startsWith('pipeline.steps.b.inputs'))
  for (const outputs of ['[model, "bad name"]', '[5, model]', '[model, null]', '[model, [1]]', '{model: 1}'])
    assert.deepEqual(of(`run: m:f, outputs: ${outputs}`), [NO_MODLE, NO_GONE], outputs)
  // what may be meant by what is wrong is told there alone
  assert.deepEqual(of('run: m:f, outputs: [model, {name: gone}]'), [NO_MODLE])
  assert.deepEqual(of('run: m:f, outputs: model gone modle'), [])
  for (const wrong of ['inputs: {x: 3}', 'params: [1]', 'params: {1x: 2}', 'timeout: soon', 'foo: 1'])
    assert.deepEqual(of(`run: m:f, outputs: [model], ${wrong}`), [NO_MODLE, NO_GONE], wrong)
  const own = beside(
    'run: [x, "{outputs.gone}", "{params.p}", "{inputs.q}"], outputs: [model, 5, p], params: {p: 1, 1x: 2}',
  )
  for (const told of [
    'pipeline.steps.a.run.1: {outputs.gone} names no output of this step',
    'pipeline.steps.a.run.3: {inputs.q} names no input of this step',
    'pipeline.steps.a.outputs: "p" is already a param; each input, param and output needs a name of its own',
  ])
    assert.ok(own.includes(told), own.join('\n'))
  assert.ok(!own.some((one) => one.includes('{params.p}')))
  const when = beside('run: m:f, outputs: [model, 5]').filter((one) => one.includes('steps.b.when'))
  assert.match(when.join(), /there is no output "gone" of step "a"; expected one of model/)
})

test('steps that need each other are told beside other faults, and a key that is there twice beside what is wrong elsewhere', () => {
  const cycle = `project: p\npipeline:\n  steps:\n    a: {run: m:f, after: [b, gone]}\n    b: {run: m:f, after: [a]}\n`
  assert.deepEqual(said(cycle), [
    'pipeline.steps.a.after.1: there is no step "gone"; the steps are a, b',
    'pipeline.steps.a: the steps need each other: a → b → a',
  ])
  const twice = `project: p\npipeline:\n  steps:\n    a: {run: m:f, seed: -1, seed: -2}\n`
  assert.deepEqual(said(twice), [
    ': "seed" is there twice; expected each key once',
    'pipeline.steps.a.seed: got -2, expected at least 0',
  ])
})

test('a text that is no YAML, or no keys, says so', () => {
  assert.deepEqual(said('- 1\n'), [': expected keys such as "project:" and "pipeline:" at the top'])
  assert.match(said('project: [\n')[0] ?? '', /^: not valid YAML: /)
})

const KEYS: readonly string[] = [
  '1 project',
  '2 python.foo',
  '2 python.packages',
  '5 pipeline.steps.a.run',
  '5 pipeline.steps.a.timeout',
  '6 pipeline.steps.b.run',
  '6 pipeline.steps.b.cache',
  '6 pipeline.steps.b.inputs.x',
  '6 pipeline.steps.b.inputs.y',
  '7 pipeline.steps.e.outputs.0',
  '7 pipeline.steps.e.inputs.y',
  '7 pipeline.steps.e.params.y',
  '8 pipeline.steps.d.e',
  '9 pipeline.schedule.timezone',
  '9 pipeline.schedule.cron',
  '10 model.gates.0',
  '10 model.gates.1',
  '10 model.gates.2',
  '10 model.from',
  '11 endpoint.rollout.alpha',
  '11 endpoint.rollout.mode',
  '11 endpoint.rollout.approvals.0.before',
  '11 endpoint.rollout.freeze.0.cron',
  '12 monitor.false_alerts',
  '12 monitor.reference',
  '12 monitor.retrain.f',
  '12 monitor.retrain.e.k',
]

test('names that every object has are names like others', () => {
  const text = `project: p
pipeline:
  steps:
    a: {run: m:f, outputs: [o], after: [constructor, toString]}
    b: {run: m:f, inputs: {x: valueOf.o}}
constructor: 1
__proto__: {a: 1}
`
  const top =
    'unknown key; expected one of: project, python, sources, pipeline, model, data_sets, endpoint, monitor, search, features'
  assert.deepEqual(said(text), [
    'pipeline.steps.a.after.0: there is no step "constructor"; the steps are a, b',
    'pipeline.steps.a.after.1: there is no step "toString"; the steps are a, b',
    'pipeline.steps.b.inputs.x: there is no step "valueOf"; the steps are a, b',
    `constructor: ${top}`,
    `__proto__: ${top}`,
  ])
})

test('of very many steps a message lists some', () => {
  const steps = Array.from({ length: 300 }, (_, i) => `    s${i}: {run: m:f, after: [z${i}]}`).join('\n')
  const faults = said(`project: p\npipeline:\n  steps:\n${steps}\n`)
  assert.equal(faults.length, 300)
  assert.match(faults[0] ?? '', /there is no step "z0"; the steps are s0, s1, .*, s19 and 280 more$/)
})

test('many steps without code are told at once, and fast, for nobody else is answered meanwhile', async () => {
  const steps = Array.from({ length: 600 }, (_, i) => `    s${i}: {run: "none${i}:main", after: [z${i}]}`).join('\n')
  const began = process.cpuUsage()
  const given = { 'slipway.yaml': `project: p\npipeline:\n  steps:\n${steps}\n` }
  await assert.rejects(specOf(given), ({ data }: Problem) => (data['faults'] as unknown[]).length === 1200)
  const { user, system } = process.cpuUsage(began)
  // half a minute where the file was parsed once for each fault
  assert.ok((user + system) / 1000 < 5000, `${(user + system) / 1000} ms`)
})
