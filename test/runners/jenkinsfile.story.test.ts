/** The Jenkinsfile by the compiler that Jenkins has in it (Groovy 2.4.21), and run with a model of its directives: Jenkins' own validator cannot be had from Maven Central. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { jenkinsfile } from '../../src/ci/templates/jenkins.ts'
import type { Workflow } from '../../src/ci/templates/stages.ts'
import { cachedFolder } from '../python-env.ts'
import { findProgram } from '../tools.ts'

/** What jenkins-core depends on; newer versions take more. */
const GROOVY = 'org.codehaus.groovy:groovy-all:2.4.21'
/** As Jenkins starts its Java, since this Groovy is older than the modules of Java. */
const OPENS = ['java.lang', 'java.util'].map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`)
const [java, maven] = ['java', 'mvn'].map((name) => findProgram(name))
const folder =
  java === undefined || maven === undefined
    ? undefined
    : await cachedFolder(GROOVY.replaceAll(':', '-'), async (into, run) => {
        await run('mkdir', ['-p', into])
        await run(maven, ['-q', '-B', 'dependency:copy', `-Dartifact=${GROOVY}`, `-DoutputDirectory=${into}`], {
          cwd: into,
        })
      })
const skip = folder === undefined && 'no Java with Maven, or no Maven Central: Groovy is brought from there once'

const root = mkdtempSync(join(tmpdir(), 'slipway-groovy-'))
after(() => rmSync(root, { recursive: true, force: true }))

function compile(text: string): { status: number | null; said: string } {
  const file = join(root, 'Jenkinsfile')
  writeFileSync(file, text)
  const args = [
    ...OPENS,
    '-cp',
    join(folder ?? '', '*'),
    'org.codehaus.groovy.tools.FileSystemCompiler',
    '-d',
    join(root, 'out'),
    file,
  ]
  const { status, stdout, stderr } = spawnSync(java ?? '', args, { encoding: 'utf8' })
  return { status, said: stdout + stderr }
}

const PLAIN: Workflow = {
  folder: '.',
  branch: 'main',
  install: undefined,
  tests: undefined,
  oidc: false,
  endpoint: undefined,
  image: undefined,
}
const WHOLE: Workflow = {
  ...PLAIN,
  tests: { install: ['"$environment/bin/pip" install pytest'], decidedBy: '', module: ['pytest', '-q'] },
  endpoint: 'flights',
  image: { repository: 'registry.example.org/team/flights', wheels: undefined, signed: false, serves: false },
}

for (const [name, workflow] of Object.entries<Workflow>({
  'of a project without tests and endpoint': PLAIN,
  'with everything, and quotes in its commands': {
    folder: 'models/flights',
    branch: 'release/1.x',
    install: `npm i -g 'it''s' "$HOME/a\\b" \${X} '''`,
    tests: {
      install: [`"$environment/bin/pip" install "pandas>=2 ; python_version < '3.13'" pytest`],
      decidedBy: '',
      module: ['pytest', '-q', 'tests'],
    },
    oidc: false,
    endpoint: 'flights',
    image: { repository: 'registry.example.org:5000/team/flights', wheels: 'wheels', signed: true, serves: true },
  },
})) {
  it(`a Jenkinsfile ${name} is Groovy`, { skip }, () => {
    const { status, said } = compile(jenkinsfile(workflow))
    assert.equal(status, 0, said)
  })
}

it('the compiler finds what is no Groovy', { skip }, () => {
  assert.equal(compile(jenkinsfile(PLAIN).replace('agent any', 'agent any {{')).status, 1)
  // what newer versions take and Jenkins does not
  assert.equal(compile('def next = (n) -> n + 1\n').status, 1)
})

interface Shelled {
  readonly stage: string
  /** Variables of credentials that the step has. */
  readonly secrets: readonly string[]
  readonly text: string
}

/** The shell steps of the stages that are run in such a build, in order. */
function steps(text: string, env: Readonly<Record<string, string>>): Shelled[] {
  const file = join(root, 'Jenkinsfile')
  writeFileSync(file, text)
  const script = join(import.meta.dirname, 'declarative.groovy')
  const given = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const args = [...OPENS, '-cp', join(folder ?? '', '*'), 'groovy.ui.GroovyMain', script, file, ...given]
  const { status, stdout, stderr } = spawnSync(java ?? '', args, { encoding: 'utf8' })
  assert.equal(status, 0, stdout + stderr)
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [stage = '', secrets = '', code = ''] = line.split('\t')
      return {
        stage,
        secrets: secrets.split(',').filter((one) => one !== ''),
        text: Buffer.from(code, 'base64').toString(),
      }
    })
}

const CHANGE = { BRANCH_NAME: 'PR-7', CHANGE_ID: '7' }
const MERGE = { BRANCH_NAME: 'main' }
const named = (all: readonly Shelled[]): string[] => all.map(({ stage, secrets }) => [stage, ...secrets].join(' + '))

it('a change is trained, and a merge goes the whole way, each with the secrets of its stage alone', { skip }, () => {
  const text = jenkinsfile(WHOLE)
  assert.deepEqual(named(steps(text, CHANGE)), [
    'Package check',
    'Tests',
    'Change: train, evaluate, gate, register + SLIPWAY_TOKEN',
  ])
  const merge = steps(text, MERGE)
  assert.deepEqual(named(merge), [
    'Package check',
    'Tests',
    'Merge: train, evaluate, gate, register + SLIPWAY_TOKEN',
    'Image of the steps + REGISTRY',
    'Canary + SLIPWAY_TOKEN',
  ])
  assert.match(merge[2]?.text ?? '', /slipway run \. --merge --json/)
  assert.match(
    merge[3]?.text ?? '',
    /image=registry\.example\.org\/team\/flights:.*\n.*slipway image build \. --for step --attest --push "\$image"/,
  )
  assert.match(merge[4]?.text ?? '', /slipway ship \. --registered/)
  const plain = named(steps(jenkinsfile({ ...WHOLE, image: undefined }), MERGE))
  assert.deepEqual(plain.slice(2), ['Merge: train, evaluate, gate, register, canary + SLIPWAY_TOKEN'])
})

it('a change of a fork, and a branch that is not main, are checked with no secret and go nowhere', { skip }, () => {
  const text = jenkinsfile(WHOLE)
  for (const env of [{ ...CHANGE, CHANGE_FORK: 'eve' }, { BRANCH_NAME: 'wild' }]) {
    const all = steps(text, env)
    assert.deepEqual(named(all), ['Package check', 'Tests'])
    for (const one of all) assert.doesNotMatch(one.text, /slipway (run|ship|ci|image)/)
  }
})

it('the model of the directives finds what is none of them', { skip }, () => {
  const file = join(root, 'wrong')
  for (const [from, to] of [
    ['agent any', 'agents any'],
    ["branch 'main'", "brunch 'main'"],
    ["sh '''", "shh '''"],
  ] as const) {
    writeFileSync(file, jenkinsfile(WHOLE).replace(from, to))
    const script = join(import.meta.dirname, 'declarative.groovy')
    const args = [...OPENS, '-cp', join(folder ?? '', '*'), 'groovy.ui.GroovyMain', script, file, 'BRANCH_NAME=main']
    const { status, stderr } = spawnSync(java ?? '', args, { encoding: 'utf8' })
    assert.equal(status, 1, to)
    assert.match(stderr, /no directive of|no step|Exception/)
  }
})
