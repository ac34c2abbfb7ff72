/** A pipeline written in Python, from the command line to its steps: run, planned, refused at the user's lines, and the same as its YAML. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { type Ended } from '../../src/cli/program.fixture.ts'
import type { RunView } from '../../src/pipelines/run/view.ts'
import { endedRun, outputText } from '../fixtures/runs-of.ts'
import { projectServer, writeFiles } from '../fixtures/project-server.ts'

const PIPELINE = `from slipway.pipeline import command, param, pipeline, step
from parts.fit import fit

@step(outputs=["table"], retries={"user": 0})
def load(table, mode):
    table.write_text(mode)

show = command(["python", "show.py", "{inputs.model}", "{outputs.o}"], name="show", outputs=["o"])

@pipeline("authored", python={"packages": []})
def authored(rate=param("float", default=1, min=0, max=10, help="how fast"), mode=param("choice", default="full", choices=["full", "quick"])):
    loaded = load(mode=mode)
    fitted = fit(loaded.table, rate=rate)
    show.options(when=fitted.metrics.auc >= 0.5)(model=fitted.o)
    load.options(name="late", when=mode == "quick")(mode="x")
`
/** The same, as a person would write it. */
const YAML = `project: authored
python: {packages: []}
pipeline:
  params:
    rate: {type: float, default: 1, min: 0, max: 10, help: how fast}
    mode: {type: choice, default: full, choices: [full, quick]}
  steps:
    load: {run: "slipway_pipeline:load", params: {mode: "{params.mode}"}, outputs: [table], retries: {user: 0}}
    fit: {run: "parts.fit:fit", inputs: {table: load.table}, params: {rate: "{params.rate}"}, outputs: [o]}
    show: {run: [python, show.py, "{inputs.model}", "{outputs.o}"], inputs: {model: fit.o}, outputs: [o], when: steps.fit.metrics.auc >= 0.5}
    late: {run: "slipway_pipeline:load", params: {mode: x}, outputs: [table], retries: {user: 0}, when: params.mode == 'quick'}
`
const FILES: Readonly<Record<string, string>> = {
  'slipway_pipeline.py': PIPELINE,
  'parts/__init__.py': '',
  'parts/fit.py': `from slipway.pipeline import step
from parts.deep import double

@step(outputs=["o"])
def fit(table, o, rate):
    o.write_text(f"{table.read_text()} {double(rate)}")
    return {"auc": 0.9}
`,
  // a step that is called by another is a function there
  'parts/deep.py': `from slipway.pipeline import step

@step
def double(value):
    return value * 2
`,
  'show.py': `import sys
from parts.deep import double
text = open(sys.argv[1]).read()
open(sys.argv[2], "w").write(f"<p>{text} {double(3)}</p>")
`,
}

describe('a pipeline in Python', () => {
  const at = projectServer('authored', FILES)
  const { folder, project, slipway } = at
  const runOf = ({ out }: Ended): string => /^Run (pr_\w+|\S+) of authored/m.exec(out)?.[1] ?? ''
  const ended = (id: string): Promise<RunView> => endedRun(at.server, id)
  const states = (run: RunView): string[] => run.steps.map(({ name, state }) => `${name} ${state}`)

  test('it is planned, run with params, and its steps read nothing that their keys do not hold', async () => {
    const planned = await slipway('plan', project, '--set', 'rate=2')
    assert.equal(planned.code, 0, planned.said)
    assert.match(planned.out, /^rate = 2(\.0)?: how fast$/m)
    assert.match(planned.out, /^load: miss: the step has not run before$/m)
    const { out, said, code } = await slipway('run', project, '--set', 'rate=2', '--strict')
    assert.equal(code, 0, out + said)
    const id = runOf({ out, said, code })
    const run = await ended(id)
    assert.deepEqual(states(run), ['load succeeded', 'fit succeeded', 'show succeeded', 'late skipped'])
    assert.equal(await outputText(at.server, id, 'fit'), 'full 4.0')
    assert.equal(await outputText(at.server, id, 'show'), '<p>full 4.0 6</p>')
    // nothing is left beside the user's files
    assert.deepEqual(readdirSync(project).toSorted(), ['parts', 'show.py', 'slipway_pipeline.py'])
    assert.deepEqual(readdirSync(join(project, 'parts')).toSorted(), ['__init__.py', 'deep.py', 'fit.py'])
  })

  test('its YAML form takes every result from it: the keys are the same', async () => {
    const yaml = writeFiles(join(folder, 'yaml'), { ...FILES, 'slipway.yaml': YAML })
    const { out, said, code } = await slipway('run', yaml, '--file', 'slipway.yaml', '--set', 'rate=2')
    assert.equal(code, 0, out + said)
    const run = await ended(runOf({ out, said, code }))
    assert.deepEqual(states(run), ['load cached', 'fit cached', 'show cached', 'late skipped'])
  })

  test('what only the server finds is told at the line of the Python file', async () => {
    const faulty = writeFiles(join(folder, 'faulty'), {
      'slipway_pipeline.py': `from slipway.pipeline import entry, pipeline

@pipeline("authored", python={"packages": []})
def authored():
    entry("parts.nowhere:go", name="go")()

    entry(
        "parts.fit:fitt", name="fit")()
`,
      'parts/fit.py': 'def fit(): ...\n',
    })
    for (const command of ['run', 'plan']) {
      const { code, said } = await slipway(command, faulty)
      assert.equal(code, 2, said)
      assert.match(said, /slipway_pipeline\.py:5: pipeline\.steps\.go\.run: got "parts\.nowhere:go"/)
      assert.match(said, /slipway_pipeline\.py:8: pipeline\.steps\.fit\.run: got "parts\.fit:fitt"/)
    }
  })

  test('what is known without a server is told without an upload, all at once', async () => {
    const faulty = writeFiles(join(folder, 'known'), {
      'odd.py': `from slipway.pipeline import pipeline, step
go = step(name="go", tiemout="1h")(lambda: None)

@pipeline("?")
def authored():
    go()
`,
    })
    const { code, said } = await slipway('run', faulty, '--file', 'odd.py')
    assert.equal(code, 2, said)
    assert.match(said, /odd\.py:2: pipeline\.steps\.go\.run: got a lambda/)
    assert.match(said, /odd\.py:2: pipeline\.steps\.go\.tiemout: unknown key; did you mean "timeout"/)
    const all = await slipway('validate', join(faulty, 'odd.py'))
    assert.equal(all.code, 1, all.said)
    assert.deepEqual(
      all.out.split('\n').map((line) => line.split(':').slice(0, 3).join(':')),
      ['odd.py:2: pipeline.steps.go.run', 'odd.py:2: pipeline.steps.go.tiemout', 'odd.py:4: project', '3 faults', ''],
    )
  })
})
