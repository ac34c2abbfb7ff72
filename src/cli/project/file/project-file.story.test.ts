/** Files that write a pipeline: which one is taken, what its faults are and where, and that none hangs, floods or learns a secret. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { until } from '../../../../test/until.ts'
import { usage } from '../../run-command.fixture.ts'
import { readProjectFile } from './project-file.ts'
import { projectsOf, secondsForCode } from '../projects.fixture.ts'

const { root, project, validate } = projectsOf('project-file')
const YAML = 'project: p\npython: {packages: []}\npipeline: {steps: {go: {run: "job:go"}}}\n'
const HEAD = 'from slipway.pipeline import entry, param, pipeline, step\n'
const GOOD = `${HEAD}
@step
def go():
    pass

@pipeline("p", python={"packages": []})
def p():
    go()
`

/** Sets variables until the end of a test. */
function withVariables(t: { after: (end: () => void) => void }, variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) {
    const earlier = process.env[name]
    process.env[name] = value
    t.after(() => {
      if (earlier === undefined) delete process.env[name]
      else process.env[name] = earlier
    })
  }
}

describe('which file is the project file', () => {
  it('is slipway.yaml, else slipway_pipeline.py, or the one that is named', async () => {
    const python = project({ 'slipway_pipeline.py': GOOD })
    assert.deepEqual((await validate(python)).lines, ['slipway_pipeline.py can be run: 1 step'])
    const named = project({ 'flows/nightly.py': GOOD, 'slipway.yaml': YAML, 'job.py': 'def go(): ...' })
    assert.equal((await readProjectFile(named)).file, 'slipway.yaml')
    const nightly = await readProjectFile(named, 'flows/nightly.py')
    assert.match(nightly.text, /run: "flows\.nightly:go"/)
    const source = project({ 'src/flow.py': GOOD })
    assert.match((await readProjectFile(source, 'src/flow.py')).text, /run: "flow:go"/)
  })

  it('is not guessed where there are two, and missed by name', async () => {
    const both = project({ 'slipway_pipeline.py': GOOD, 'slipway.yaml': YAML })
    await assert.rejects(validate(both), usage(/slipway\.yaml and slipway_pipeline\.py in .*name one with --file/))
    await assert.rejects(readProjectFile(both, 'other.py'), usage(/there is no other\.py/))
    await assert.rejects(validate(project({ 'a.txt': '' })), usage(/there is no slipway\.yaml/))
  })

  it('is no program in a job of a fork, whose code would run there', async (t) => {
    const folder = project({
      'slipway_pipeline.py': `open("ran", "w")\n${GOOD}`,
      'other.yaml': YAML,
      'job.py': 'def go(): ...',
    })
    const head = { repo: { full_name: 'them/it' } }
    const base = { repo: { full_name: 'us/it' } }
    const event = project({ 'event.json': JSON.stringify({ pull_request: { head, base } }) })
    withVariables(t, {
      GITHUB_ACTIONS: 'true',
      GITHUB_EVENT_PATH: join(event, 'event.json'),
      GITHUB_EVENT_NAME: 'pull_request_target',
    })
    await assert.rejects(validate(folder), usage(/of a fork, and loads no slipway_pipeline\.py/))
    assert.equal(existsSync(join(folder, 'ran')), false)
    assert.equal((await validate(join(folder, 'other.yaml'))).code, 0)
  })
})

describe('a pipeline in Python that cannot be read', () => {
  const P = '@pipeline("p", python={"packages": []})\ndef p():\n'
  const cases: readonly (readonly [what: string, text: string, told: readonly RegExp[]])[] = [
    ['no Python', `${HEAD}def p(:\n`, [/^slipway_pipeline\.py:2: not valid Python: .*Python 3/]],
    [
      'a package that this Python does not have',
      `${HEAD}\nimport no_such_package\n`,
      [/^slipway_pipeline\.py:3: ModuleNotFoundError: No module named 'no_such_package'; .* SLIPWAY_PYTHON/],
    ],
    [
      'an error in the function',
      `${HEAD}${P}    1 / 0\n`,
      [/^slipway_pipeline\.py:4: ZeroDivisionError: division by zero$/],
    ],
    [
      'an error in a module of the project',
      `${HEAD}import broken\n`,
      [/^broken\.py:2: NameError: name 'x' is not defined$/],
    ],
    ['exit', `${HEAD}raise SystemExit(3)\n`, [/^slipway_pipeline\.py:2: the code called exit\(3\)/]],
    [
      'an end without a word',
      `${HEAD}import os\nprint("so long", flush=True)\nos._exit(0)\n`,
      [/^slipway_pipeline\.py:1: .*exit code 0.*so long$/],
    ],
    ['no pipeline', HEAD, [/^slipway_pipeline\.py:1: got no pipeline, expected one function with @pipeline/]],
    [
      'two of them',
      `${HEAD}${P}    pass\nq = pipeline("q")(lambda: None)\n`,
      [/^slipway_pipeline\.py:1: got 2 pipelines \(p, <lambda>\)/],
    ],
    ['a question', `${HEAD}input("name? ")\n`, [/^slipway_pipeline\.py:2: EOFError/]],
    [
      'the truth of a condition',
      `${HEAD}${P.replace('p()', 'p(a=param("bool", default=True))')}    if a:\n        pass\n`,
      [/^slipway_pipeline\.py:4: TypeError: the condition params\.a is decided when/],
    ],
  ]
  for (const [what, text, told] of cases) {
    it(what, async () => {
      const { code, lines } = await validate(project({ 'slipway_pipeline.py': text, 'broken.py': '\nx\n' }))
      assert.equal(code, 1)
      assert.equal(lines.length, told.length + 1, lines.join('\n'))
      for (const [i, one] of told.entries()) assert.match(lines[i] ?? '', one)
    })
  }

  it('a name that Python does not import, or takes for another module', async () => {
    const odd = project({ 'my-flow.py': GOOD, 'json.py': GOOD })
    assert.match(
      (await validate(join(odd, 'my-flow.py'))).lines[0] ?? '',
      /^my-flow\.py:1: Python cannot import "my-flow\.py"/,
    )
    assert.match(
      (await validate(join(odd, 'json.py'))).lines[0] ?? '',
      /^json\.py:1: "json" is the name of another module/,
    )
  })

  it('tells all faults at once, each in the file where it is written', async () => {
    const folder = project({
      'slipway_pipeline.py': `${HEAD}from parts import fit

@pipeline(
    "p",
    shedule={"cron": "x"},
    python={
        "packages": [],
        "requires": "three",
    },
)
def p(rate=param("float", max="1"), n=1):
    fit(
        rate=rate,
        other=missing_output(),
    )

missing_output = step(name="split", outputs=["a", "b"], seed=-1)(fit._run)
`,
      'parts.py': `from slipway.pipeline import step
@step(outputs=["model"],
      timeout="soon",
      resources={"cpus": 1,
                 "gpu": 1})
def fit(rate, other): ...
`,
    })
    const { lines } = await validate(folder)
    assert.deepEqual(
      lines.map((line) => line.split(':').slice(0, 3).join(':')).toSorted(),
      [
        'slipway_pipeline.py:6: shedule',
        'slipway_pipeline.py:9: python.requires',
        'slipway_pipeline.py:12: pipeline.params.rate.max',
        'slipway_pipeline.py:12: pipeline.params.rate.default',
        'slipway_pipeline.py:12: pipeline.params.n',
        'slipway_pipeline.py:15: pipeline.steps.fit.inputs.other',
        'parts.py:3: pipeline.steps.fit.timeout',
        'parts.py:5: pipeline.steps.fit.resources.gpu',
        'slipway_pipeline.py:18: pipeline.steps.split.seed',
        '9 faults',
      ].toSorted(),
    )
  })
})

describe('code of a file that writes a pipeline', () => {
  it('cannot hang the command: the line is told, or the process ended', async (t) => {
    secondsForCode(t, 5)
    const endless = project({ 'slipway_pipeline.py': `${HEAD}\nwhile True:\n    pass\n` })
    // a process that takes two seconds to come to its loop, on a busy machine, is ended before it tells the line
    await until('the line of the loop', async () => {
      const [, line] =
        /^slipway_pipeline\.py:([134]): this ran for more than 5 s/.exec((await validate(endless)).lines[0] ?? '') ?? []
      assert.ok(line)
      return line !== '1'
    })
    const deaf = `import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True:\n    pass\n`
    assert.match(
      (await validate(project({ 'slipway_pipeline.py': deaf }))).lines[0] ?? '',
      /:1: this ran for more than 5 s/,
    )
  })

  it('leaves no process behind that it started, also where that holds its output', async () => {
    const folder = project({
      'slipway_pipeline.py': `import subprocess, sys\nchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(7200)"])\nopen("pid.txt", "w").write(str(child.pid))\n${GOOD}`,
    })
    assert.equal((await validate(folder)).code, 0)
    const pid = Number(readFileSync(join(folder, 'pid.txt'), 'utf8'))
    assert.ok(pid > 0)
    await until(`the end of process ${pid}`, () => !isRunning(pid))
  })

  it('cannot flood it', async () => {
    const flood = await validate(project({ 'slipway_pipeline.py': 'while True:\n    print("x" * 1000)\n' }))
    assert.match(flood.lines[0] ?? '', /^slipway_pipeline\.py:1: it printed more than 256 KiB/)
    assert.equal(flood.lines.length, 2)
  })

  it('prints for who runs it', async () => {
    const said: string[] = []
    const folder = project({ 'slipway_pipeline.py': `print("hello")\n${GOOD}` })
    await readProjectFile(folder, undefined, (line) => said.push(line))
    assert.deepEqual(said, ['slipway_pipeline.py: hello'])
  })

  it('gets no secret of the command, runs once, and leaves no file', async (t) => {
    withVariables(t, { SLIPWAY_TOKEN: 'hush', AWS_SECRET_ACCESS_KEY: 'hush', MY_PASSWORD: 'hush' })
    const folder = project({
      'slipway_pipeline.py': `import os\nassert "hush" not in os.environ.values()\nwith open(os.path.join(os.path.dirname(__file__), "..", "count"), "a") as f: f.write("x")\nimport parts\n${GOOD}`,
      'parts.py': 'import slipway_pipeline\nimport os\nassert slipway_pipeline.__name__ == "slipway_pipeline"\n',
    })
    const count = join(root, 'count')
    assert.deepEqual((await validate(folder)).lines, ['slipway_pipeline.py can be run: 1 step'])
    assert.equal(readFileSync(count, 'utf8'), 'x')
    assert.deepEqual(readdirSync(folder).toSorted(), ['parts.py', 'slipway_pipeline.py'])
  })

  it('is given a time that is one', async (t) => {
    withVariables(t, { SLIPWAY_PIPELINE_FILE_SECONDS: 'soon' })
    await assert.rejects(validate(project({ 'slipway_pipeline.py': GOOD })), usage(/is "soon"; expected seconds/))
  })
})

function isRunning(pid: number): boolean {
  try {
    // one that has ended and was not waited for is there too
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
