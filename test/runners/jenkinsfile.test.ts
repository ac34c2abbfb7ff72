/** The Jenkinsfile by Groovy's own compiler, whose grammar Jenkins reads it with; what its directives mean is not checked there. */
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

const GROOVY = 'org.apache.groovy:groovy:4.0.28'
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
}

for (const [name, workflow] of Object.entries<Workflow>({
  'of a project without tests and endpoint': PLAIN,
  'with everything, and quotes in its commands': {
    folder: 'models/flights',
    branch: 'release/1.x',
    install: `npm i -g 'it''s' "$HOME/a\\b" \${X} '''`,
    tests: { packages: ["pandas>=2 ; python_version < '3.13'", 'pytest'], module: ['pytest', '-q', 'tests'] },
    oidc: false,
    endpoint: 'flights',
  },
})) {
  it(`a Jenkinsfile ${name} is Groovy`, { skip }, () => {
    const { status, said } = compile(jenkinsfile(workflow))
    assert.equal(status, 0, said)
  })
}

it('the compiler finds what is no Groovy', { skip }, () => {
  assert.equal(compile(jenkinsfile(PLAIN).replace('agent any', 'agent any {{')).status, 1)
})
