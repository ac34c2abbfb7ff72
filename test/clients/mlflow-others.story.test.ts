/** MLflow's Java client and the `mlflow` package of npm, unmodified, with a token, against a running server. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { cachedFolder } from '../python-env.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { findProgram } from '../tools.ts'
import { runChecks } from './program.ts'
import type { Ran } from './program.ts'

/** The newest that Maven Central and npm have. */
const JAVA_CLIENT = 'org.mlflow:mlflow-client:2.17.2'
const NPM_CLIENT = 'mlflow@2.0.7'

function passed({ code, checks, said }: Ran, least: number): void {
  assert.deepEqual(
    checks.filter((check) => !check.ok),
    [],
    said,
  )
  assert.ok(checks.length >= least && code === 0, `ended with ${code} after ${checks.length} checks:\n${said}`)
}

describe('other clients of MLflow', () => {
  let server: TestServer
  before(async () => {
    server = await startTestServer({ env: { SLIPWAY_LOG_LEVEL: 'fatal' } })
  })
  after(() => server.stop())

  it(`Java: ${JAVA_CLIENT}`, async (t) => {
    const [java, javac, maven] = ['java', 'javac', 'mvn'].map((name) => findProgram(name))
    if (java === undefined || javac === undefined || maven === undefined) {
      t.skip('no Java with Maven: install a JDK of 11 or newer and Maven, and run it again with the network')
      return
    }
    const folder = await cachedFolder(JAVA_CLIENT.replaceAll(':', '-'), async (into, run) => {
      const [group, artifact, version] = JAVA_CLIENT.split(':')
      const dependency = `<groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>`
      await run('mkdir', ['-p', into])
      writeFileSync(
        join(into, 'pom.xml'),
        `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
          <groupId>slipway</groupId><artifactId>client</artifactId><version>1</version>
          <dependencies><dependency>${dependency}</dependency></dependencies></project>`,
      )
      const to = `-DoutputDirectory=${join(into, 'lib')}`
      await run(maven, ['-q', '-B', 'dependency:copy-dependencies', '-DincludeScope=runtime', to], { cwd: into })
    })
    if (folder === undefined) {
      t.skip(`${JAVA_CLIENT} cannot be brought: it needs Maven Central once`)
      return
    }
    const source = join(import.meta.dirname, 'MlflowJava.java')
    passed(await runChecks(java, ['-cp', join(folder, 'lib', '*'), source, server.url, server.token]), 20)
  })

  it(`JavaScript: ${NPM_CLIENT}`, async (t) => {
    const npm = findProgram('npm')
    const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix']
    const folder =
      npm === undefined
        ? undefined
        : await cachedFolder(NPM_CLIENT.replace('@', '-npm-'), async (into, run) => {
            await run('mkdir', ['-p', into])
            await run(npm, [...install, into, NPM_CLIENT])
          })
    if (folder === undefined) {
      t.skip(`${NPM_CLIENT} cannot be brought: it needs npm and its registry once`)
      return
    }
    const program = join(import.meta.dirname, 'mlflow_npm.cjs')
    passed(await runChecks(process.execPath, [program, folder, server.url, server.token]), 10)
  })
})
