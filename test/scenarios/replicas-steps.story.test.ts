/** Steps of two servers on one PostgreSQL: one is killed, and its long step is waited for and adopted, or begun anew once its machine is gone. */
import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { submitProject } from '../../src/cli/project/files.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import type { Reply } from '../../src/contract/route.ts'
import { endedRun } from '../fixtures/runs-of.ts'
import { startPostgres } from '../postgres.ts'
import { startTestServer, type TestServer } from '../server.ts'
import { until } from '../until.ts'

type Run = Reply<typeof pipelinesApi.getPipelineRun>

/** Notes when it begins, and whether one that began before is still there; ends when it is told to. */
const LONG = (folder: string): string => `
import os, pathlib, time
FOLDER = pathlib.Path(${JSON.stringify(folder)})
def note(*words):
    with open(FOLDER / "ledger", "a") as file: file.write(" ".join(map(str, words)) + "\\n")
def lives(pid):
    try: return os.kill(pid, 0) is None
    except ProcessLookupError: return False
def main(out):
    before = [int(line.split()[1]) for line in (FOLDER / "ledger").read_text().splitlines()] if (FOLDER / "ledger").exists() else []
    note("begins", os.getpid(), "beside" if any(map(lives, before)) else "alone")
    while not (FOLDER / "go").exists(): time.sleep(0.05)
    note("ends", os.getpid())
    out.write_text("done")
`

interface Two {
  readonly folder: string
  readonly first: TestServer
  readonly second: TestServer
  /** Starts the first again on what it left. */
  readonly again: () => Promise<TestServer>
  readonly ledger: () => string[]
}

/** Two servers with a data folder each and one store of files; the first leads. */
async function two(t: TestContext, settings: Readonly<Record<string, string>> = {}): Promise<Two> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-replicas-'))
  const database = await startPostgres()
  const servers: TestServer[] = []
  t.after(async () => {
    writeFileSync(join(folder, 'go'), '')
    for (const server of servers) await server.stop()
    await database.stop()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })
  mkdirSync(join(folder, 'blobs'))
  const env = { SLIPWAY_DATABASE_URL: database.url, ...settings }
  const start = async (name: string): Promise<TestServer> => {
    const data = join(folder, name)
    mkdirSync(data, { recursive: true })
    if (!existsSync(join(data, 'blobs'))) symlinkSync(join(folder, 'blobs'), join(data, 'blobs'))
    const server = await startTestServer({ data, env, args: ['--isolation', 'off'] })
    servers.push(server)
    return server
  }
  const ledger = (): string[] => readFileSync(join(folder, 'ledger'), 'utf8').trim().split('\n')
  return { folder, first: await start('first'), second: await start('second'), again: () => start('first'), ledger }
}

async function begin({ folder }: Two, server: TestServer, name: string, code: string): Promise<string> {
  const project = join(folder, name)
  mkdirSync(project)
  const steps = 'pipeline: {steps: {one: {run: one:main, outputs: [out], cache: never}}}'
  writeFileSync(join(project, 'slipway.yaml'), `project: ${name}\n${steps}\n`)
  writeFileSync(join(project, 'one.py'), code)
  const version = (await submitProject(server.client, project)).id
  return beginAgain(server, version)
}

async function beginAgain(server: TestServer, version: string): Promise<string> {
  return (await server.client.call(pipelinesApi.createPipelineRun, { body: { pipeline_version: version } })).id
}

function view(server: TestServer, id: string): Promise<Run> {
  return server.client.call(pipelinesApi.getPipelineRun, { params: { id } })
}

async function runOnce(server: TestServer, id: string, what: string, holds: (run: Run) => boolean): Promise<Run> {
  let run: Run | undefined
  return until(
    () => `${what}; ${JSON.stringify(run)}; ${server.errors()}`,
    async () => {
      run = await view(server, id)
      return holds(run) && run
    },
  )
}

const QUICK = 'def main(out):\n    out.write_text("x")\n'
const attempts = (run: Run): string[] => run.steps[0]?.attempts.map(({ state }) => state) ?? []

/** The long step runs on the machine of the first server, which is then killed. */
async function killed(servers: Two): Promise<string> {
  const { folder, first } = servers
  const long = await begin(servers, first, 'long', LONG(folder))
  await runOnce(first, long, 'the long step to run', (run) => attempts(run)[0] === 'running')
  await until('the beginning of the long step', () => existsSync(join(folder, 'ledger')))
  await first.kill()
  return long
}

test('a step whose server was killed is waited for, and adopted by that server when it is back', async (t) => {
  const servers = await two(t)
  const { folder, second, ledger } = servers
  const long = await killed(servers)
  // that the second moves runs on shows that it has looked at the long one as well, and more than once
  const quick = await begin(servers, second, 'quick', QUICK)
  const { pipeline_version: version } = await runOnce(
    second,
    quick,
    'the second to lead',
    ({ outcome }) => outcome === 'succeeded',
  )
  for (let i = 0; i < 2; i++) {
    const more = await beginAgain(second, version)
    await runOnce(second, more, 'the second to go on', ({ outcome }) => outcome === 'succeeded')
  }
  assert.deepEqual(attempts(await view(second, long)), ['running'])
  assert.equal(ledger().length, 1, 'it was begun once')
  const first = await servers.again()
  writeFileSync(join(folder, 'go'), '')
  const run = await endedRun(second, long)
  assert.deepEqual([run.outcome, attempts(run)], ['succeeded', ['succeeded']])
  assert.match(ledger().join('; '), /^begins (\d+) alone; ends \1$/)
  assert.deepEqual(attempts(await view(first, long)), ['succeeded'])
})

test('a step whose machine stays away ends by itself, and only then begins anew elsewhere', async (t) => {
  // several times as long as from one sign of a machine to the next: a step ends without them
  const servers = await two(t, { SLIPWAY_MACHINE_AWAY_MINUTES: '0.25' })
  const { folder, second, ledger } = servers
  // what it knows of the other makes it tell its steps that they are not alone
  const told = join(folder, 'first/machine-lease.json')
  await until('the word of the other', () => readFileSync(told, 'utf8').includes(':15}'))
  const long = await killed(servers)
  await runOnce(second, long, 'the step to begin anew', (run) => attempts(run).join() === 'lost,running')
  await until('its second beginning', () => ledger().length >= 2)
  const first = await servers.again()
  await until('the first attempt to be cleared', () => readdirSync(join(folder, 'first/attempts')).length === 0)
  writeFileSync(join(folder, 'go'), '')
  const run = await endedRun(first, long)
  assert.deepEqual([run.outcome, attempts(run)], ['succeeded', ['lost', 'succeeded']])
  assert.match(run.steps[0]?.attempts[0]?.failure?.message ?? '', /machine of the attempt was not heard of/)
  assert.match(ledger().join('; '), /^begins \d+ alone; begins (\d+) alone; ends \1$/, 'never two at a time')
})
