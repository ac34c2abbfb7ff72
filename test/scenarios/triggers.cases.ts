/** Triggers on a real server: what each watches starts one run for each cause, also where the server is killed; loops and what cannot look. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { submitProject } from '../../src/cli/project/files.ts'
import { runProgram } from '../../src/cli/program.fixture.ts'
import { CallError, createClient } from '../../src/client/client.ts'
import { authApi } from '../../src/contract/auth.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { triggersApi } from '../../src/contract/pipelines/triggers.ts'
import type { Reply } from '../../src/contract/route.ts'
import { addEndpoint } from '../../src/monitoring/endpoint.cases.ts'
import { newIncident, storeIncident } from '../../src/monitoring/incidents/rows.ts'
import { openStore } from '../../src/store/open.ts'
import { startPostgres, type TestPostgres } from '../postgres.ts'
import { startTestServer, type TestServer } from '../server.ts'
import { until } from '../until.ts'

type Trigger = Reply<typeof triggersApi.getTrigger>

const CODE = `
def main(note=""):
    return {"one": 1}

def read(raw):
    return {"one": 1}
`

/** The kills of the server take long, and are told apart from the other stories. */
export function triggerCases(database: 'SQLite' | 'PostgreSQL', part: 'stories' | 'kills'): void {
  describe(`triggers on ${database}: ${part}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-triggers-'))
    const [data, drop] = [join(folder, 'data'), join(folder, 'drop')]
    let server: TestServer
    let postgres: TestPostgres | undefined
    const environment = (): Record<string, string> => ({
      SLIPWAY_SOURCE_FOLDERS: drop,
      ...(postgres !== undefined && { SLIPWAY_DATABASE_URL: postgres.url }),
    })
    before(async () => {
      for (const one of [data, drop]) mkdirSync(one)
      postgres = database === 'PostgreSQL' ? await startPostgres() : undefined
      server = await startTestServer({ data, env: environment() })
    })
    after(async () => {
      await server.stop()
      await postgres?.stop()
      rmSync(folder, { recursive: true, force: true })
    })

    /** Sends a project in whose pipeline has these triggers; `steps` in place of one that takes a note. */
    async function send(project: string, triggers: string, more = ''): Promise<void> {
      const at = join(folder, project)
      mkdirSync(at, { recursive: true })
      writeFileSync(join(at, 'job.py'), CODE)
      const step = more.includes('sources:')
        ? 'run: "job:read", inputs: {raw: sources.raw}'
        : 'run: "job:main", params: {note: "{params.note}"}'
      const text = `project: ${project}
python: {packages: []}
${more}
pipeline:
  params: {note: {type: string, default: ""}}
  triggers: {${triggers}}
  steps:
    one: {${step}}
`
      writeFileSync(join(at, 'slipway.yaml'), text)
      await submitProject(server.client, at)
    }
    const read = (project: string, name: string): Promise<Trigger> =>
      server.client.call(triggersApi.getTrigger, { params: { project, name } })
    function awaited(project: string, name: string, met: (trigger: Trigger) => boolean): Promise<Trigger> {
      let trigger: Trigger | undefined
      return until(
        () => `another state of trigger ${project}/${name}: ${JSON.stringify(trigger)}`,
        async () => {
          trigger = await read(project, name)
          return met(trigger) && trigger
        },
      )
    }
    const runsOf = async (project: string) =>
      (await server.client.call(pipelinesApi.listPipelineRuns, { query: { project, limit: 1000 } })).items
    function runs(project: string, count: number) {
      let found: Awaited<ReturnType<typeof runsOf>> = []
      return until(
        () => `the end of ${count} runs of ${project}: ${JSON.stringify(found)}`,
        async () => {
          found = await runsOf(project)
          assert.ok(found.length <= count, `${found.length} runs of ${project}, expected ${count}`)
          return found.length === count && found.every(({ finished_at }) => finished_at !== null) && found
        },
      )
    }
    const eventsOf = async (project: string, name: string) =>
      (await server.client.call(triggersApi.listTriggerEvents, { params: { project, name }, query: {} })).items

    /** A call as Standard Webhooks sign it. */
    async function call(
      path: string,
      secret: string,
      { id, at = Date.now(), body = '{}', mac = '' }: { id: string; at?: number; body?: string; mac?: string },
    ) {
      const seconds = String(Math.floor(at / 1000))
      const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
      const signature = mac === '' ? createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64') : mac
      const headers = { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': `v1,${signature}` }
      const response = await fetch(`${server.url}${path}`, { method: 'POST', headers, body })
      return { status: response.status, answer: (await response.json()) as { outcome?: string; reason?: string } }
    }
    const secretOf = (project: string, name: string) =>
      server.client.call(triggersApi.makeTriggerSecret, { params: { project, name } })

    if (part === 'kills') {
      for (const [at, point] of ['trigger_called', 'trigger_named', 'run_made', 'trigger_started'].entries())
        test(`a server that is killed at ${point} starts one run, and neither two nor none`, async () => {
          const project = `killed${at}`
          await send(project, 'hook: {on: webhook}')
          const { path, secret } = await secretOf(project, 'hook')
          await server.stop()
          server = await startTestServer({
            data,
            env: { ...environment(), SLIPWAY_TEST_HOOKS: '1', SLIPWAY_FAULT: `pipelines.${point}` },
          })
          await call(path, secret, { id: 'x' }).catch(() => undefined)
          await server.ended()
          server = await startTestServer({ data, env: environment() })
          // whoever had no answer calls again
          await call(path, secret, { id: 'x' })
          await runs(project, 1)
          // the run may have been made before the kill, and end before the next server says of its event that it has
          await awaited(project, 'hook', ({ pending }) => pending === 0)
          assert.deepEqual(
            (await eventsOf(project, 'hook')).map(({ state }) => state),
            ['started'],
          )
        })
      return
    }

    test('a signed call starts one run; one that is sent again, is old, or is signed wrongly starts none', async () => {
      await send('called', 'hook: {on: webhook, set: {note: hi}}')
      assert.equal((await read('called', 'hook')).state, 'blind')
      const { path, secret } = await secretOf('called', 'hook')
      assert.deepEqual(await call(path, secret, { id: 'a' }), {
        status: 202,
        answer: { outcome: 'accepted', reason: '' },
      })
      assert.equal((await call(path, secret, { id: 'a' })).answer.outcome, 'repeated')
      const [run] = await runs('called', 1)
      const whole = await server.client.call(pipelinesApi.getPipelineRun, { params: { id: run?.id ?? '' } })
      assert.deepEqual(
        [whole.trigger, whole.cause, whole.set],
        ['event', 'trigger hook: call a of its address', { note: 'hi' }],
      )
      assert.equal((await call(path, secret, { id: 'b', at: Date.now() - 360_000 })).status, 401)
      const deliveries = async () => {
        const params = { project: 'called', name: 'hook' }
        return (await server.client.call(triggersApi.listTriggerDeliveries, { params, query: {} })).items
      }
      // of refused calls one a second is kept
      await until('a refused call that is kept', async () => {
        assert.equal((await call(path, secret, { id: 'c', mac: 'AAAA' })).status, 401)
        return (await deliveries())[0]?.delivery === 'c'
      })
      assert.equal((await call('/v1/hooks/called/none', secret, { id: 'd' })).status, 401)
      const items = await deliveries()
      assert.deepEqual(
        items.map(({ delivery, outcome }) => [delivery, outcome]),
        [
          ['c', 'refused'],
          ['b', 'refused'],
          ['a', 'repeated'],
          ['a', 'accepted'],
        ],
      )
      const next = await secretOf('called', 'hook')
      assert.equal((await call(path, secret, { id: 'e' })).status, 401, 'the secret of before holds no more')
      assert.equal((await call(path, next.secret, { id: 'e' })).status, 202)
      await runs('called', 2)
    })

    test('a push to its branch starts one run for each commit, as GitHub and GitLab sign', async () => {
      await send('merged', 'hub: {on: merge, host: github}, lab: {on: merge, host: gitlab, branch: trunk}')
      const [hub, lab] = [await secretOf('merged', 'hub'), await secretOf('merged', 'lab')]
      const push = (after: string, ref = 'refs/heads/main'): string => JSON.stringify({ ref, after })
      const github = async (event: string, body: string, delivery: string) => {
        const signature = `sha256=${createHmac('sha256', hub.secret).update(body).digest('hex')}`
        const headers = { 'x-github-event': event, 'x-github-delivery': delivery, 'x-hub-signature-256': signature }
        return (
          (await (await fetch(`${server.url}${hub.path}`, { method: 'POST', headers, body })).json()) as {
            outcome: string
          }
        ).outcome
      }
      const [first, second] = ['a'.repeat(40), 'b'.repeat(40)]
      assert.equal(await github('ping', '{}', '0'), 'ignored')
      assert.equal(await github('push', push(first, 'refs/heads/other'), '1'), 'ignored')
      assert.equal(await github('push', push('0'.repeat(40)), '2'), 'ignored')
      assert.equal(await github('push', push(first), '3'), 'accepted')
      assert.equal(await github('push', push(first), '4'), 'repeated')
      const dated = (days: number): string =>
        JSON.stringify({
          ref: 'refs/heads/main',
          after: 'c'.repeat(40),
          repository: { pushed_at: Math.floor(Date.now() / 1000 - days * 86_400) },
        })
      assert.equal(await github('push', dated(7.1), '5'), 'ignored', 'a call that was kept and sent again')
      assert.equal(await github('push', dated(6.9), '6'), 'accepted')
      const gitlab = async (token: string) => {
        const headers = { 'x-gitlab-event': 'Push Hook', 'x-gitlab-token': token }
        return (
          await fetch(`${server.url}${lab.path}`, { method: 'POST', headers, body: push(second, 'refs/heads/trunk') })
        ).status
      }
      assert.equal(await gitlab('wrong'), 401)
      assert.equal(await gitlab(lab.secret), 202)
      const causes = (await runs('merged', 3)).map(({ id }) => id)
      assert.equal(new Set(causes).size, 3)
    })

    test('the end of another pipeline starts one run for each, and loops are refused with the way', async () => {
      await send('first', '')
      await send('second', 'after: {on: pipeline, pipeline: first}')
      await send('third', 'after: {on: pipeline, pipeline: second, outcome: any}')
      const start = () => server.client.call(pipelinesApi.createPipelineRun, { body: { project: 'first' } })
      await Promise.all([start(), start()])
      await runs('second', 2)
      await runs('third', 2)
      await assert.rejects(send('first', 'after: {on: pipeline, pipeline: third}'), (error) => {
        assert.ok(error instanceof CallError && error.status === 422, String(error))
        assert.match(error.message, /start each other for ever: first → second → third → first/)
        return true
      })
      await assert.rejects(send('first', 'after: {on: pipeline, pipeline: first}'), /would start the next for ever/)
      assert.equal((await runsOf('first')).length, 2)
    })

    test('a version of a data set and a move of an alias start a run each; what is not there yet is told', async () => {
      const all = {
        data: ['on: data_set, data_set: rows', 'data set "rows" in project fed'],
        moved: ['on: alias, model: base, alias: candidate', 'model "base" in project fed'],
        after: ['on: pipeline, pipeline: nobody', 'pipeline "nobody"'],
        drifted: ['on: incident, endpoint: nobody', 'endpoint "nobody" in project fed'],
      }
      await send(
        'fed',
        Object.entries(all)
          .map(([name, [spec]]) => `${name}: {${spec}}`)
          .join(', '),
      )
      for (const [name, [, what]] of Object.entries(all))
        assert.equal((await awaited('fed', name, ({ state }) => state === 'blind')).trouble, `there is no ${what}`)

      const rows = join(folder, 'rows.csv')
      writeFileSync(rows, 'a\n1\n')
      const add = () =>
        runProgram(['data', 'add', 'rows', rows, '--project', 'fed'], { cwd: folder, env: { SLIPWAY_DATA: data } })
      assert.equal((await add()).code, 0)
      await runs('fed', 1)
      // the same content is the same version
      assert.equal((await add()).code, 0)
      assert.equal((await eventsOf('fed', 'data')).length, 1)

      const body = { name: 'fed', role: 'maintainer', project: 'fed' } as const
      const { token } = await server.client.call(authApi.createToken, { body })
      for (const [path, sent] of [
        ['registered-models/create', { name: 'base' }],
        ['model-versions/create', { name: 'base', source: 's3://bucket/model', run_id: 'r1' }],
        ['registered-models/alias', { name: 'base', alias: 'candidate', version: '1' }],
      ] as const) {
        const response = await fetch(`${server.url}/api/2.0/mlflow/${path}`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify(sent),
        })
        assert.equal(response.status, 200, `${path}: ${await response.text()}`)
      }
      await runs('fed', 2)
      const noticed = async (name: string) => (await eventsOf('fed', name)).map(({ what }) => what)
      assert.deepEqual(await noticed('data'), ['version 1 of data set rows was made'])
      assert.deepEqual(await noticed('moved'), ['fed moved alias candidate of model base to version 1'])
    })

    test('a source that gives something else starts a run, once it is quiet; one that is away is told', async () => {
      const raw = join(drop, 'raw.csv')
      const sources = `sources: {raw: {file: ${raw}}}`
      await send('arrived', 'raw: {on: source, source: raw, every: 5s, debounce: 2s}', sources)
      const blind = await awaited('arrived', 'raw', ({ state }) => state === 'blind')
      assert.match(blind.trouble ?? '', /source "raw"/)
      const told = await runProgram(['doctor'], { cwd: folder, env: { SLIPWAY_DATA: data } })
      assert.match(told.out, /FAIL Triggers: .*arrived\/raw: source "raw"/)
      writeFileSync(raw, 'a,b\n1,2\n')
      await awaited('arrived', 'raw', ({ state, last_run }) => state === 'watching' && last_run !== null)
      await runs('arrived', 1)
      writeFileSync(raw, 'a,b\n1,3\n')
      await runs('arrived', 2)
      rmSync(raw)
      await awaited('arrived', 'raw', ({ state }) => state === 'blind')
      writeFileSync(raw, 'a,b\n1,3\n')
      await awaited('arrived', 'raw', ({ state }) => state === 'watching')
      assert.equal((await eventsOf('arrived', 'raw')).length, 2, 'it is what it was before')
      assert.equal((await runsOf('arrived')).length, 2)
    })

    test('an incident of its endpoint and of a kind that it names starts one run, and others none', async () => {
      await send('watched', 'drifted: {on: incident, endpoint: fraud}')
      await server.stop()
      // what only hours of predictions would make
      const { db } = await openStore({ dataDir: data, ...(postgres && { databaseUrl: postgres.url }) })
      for (const name of ['fraud', 'other']) await addEndpoint(db, name, {}, 'watched')
      const now = Date.now()
      for (const [id, kind, endpoint, opened_at] of [
        ['inc_1', 'drift', 'fraud', now],
        ['inc_2', 'quality', 'fraud', now],
        ['inc_3', 'drift', 'other', now],
        ['inc_4', 'drift', 'fraud', now - 3_600_000],
      ] as const) {
        const of = { id, kind, endpoint, severity: 'high', title: `${kind} of ${endpoint}`, opened_at } as const
        await db.tx((t) => storeIncident(t, newIncident(of)))
      }
      await db.close()
      server = await startTestServer({ data, env: environment() })
      const [run] = await runs('watched', 1)
      const { cause } = await server.client.call(pipelinesApi.getPipelineRun, { params: { id: run?.id ?? '' } })
      assert.equal(cause, 'trigger drifted: incident inc_1 of endpoint fraud: drift of fraud')
      assert.equal((await eventsOf('watched', 'drifted')).length, 1)
    })

    test('no more runs begin within an hour than it may; what waits is told and runs together', async () => {
      await send('bounded', 'hook: {on: webhook, at_most: 2}')
      const { path, secret } = await secretOf('bounded', 'hook')
      for (const id of ['1', '2']) {
        await call(path, secret, { id })
        await runs('bounded', Number(id))
      }
      for (const id of ['3', '4', '5', '6', '7']) await call(path, secret, { id })
      assert.equal((await awaited('bounded', 'hook', ({ pending }) => pending === 5)).state, 'held')
      // a run of another one shows that all were looked at meanwhile
      await send('beside', 'hook: {on: webhook}')
      const other = await secretOf('beside', 'hook')
      await call(other.path, other.secret, { id: '1' })
      await runs('beside', 1)
      assert.equal((await runsOf('bounded')).length, 2)
      await server.stop()
      // what an hour would do
      const { db } = await openStore({ dataDir: data, ...(postgres && { databaseUrl: postgres.url }) })
      const older = "UPDATE pipeline_trigger_events SET started_at = started_at - 3600000 WHERE project = 'bounded'"
      await db.tx((t) => t.run(older))
      await db.close()
      server = await startTestServer({ data, env: environment() })
      await runs('bounded', 4)
      await awaited('bounded', 'hook', ({ pending }) => pending === 0)
      const events = await eventsOf('bounded', 'hook')
      assert.deepEqual([...new Set(events.map(({ state }) => state))], ['started'])
      const together = Map.groupBy(events, ({ run }) => run)
      assert.deepEqual(
        [...together.values()].map((some) => some.length).toSorted((a, b) => a - b),
        [1, 1, 1, 4],
      )
    })

    test('a contributor changes nothing that a maintainer has decided', async () => {
      await send('decided', 'hook: {on: webhook}')
      const { token } = await server.client.call(authApi.createToken, { body: { name: 'cy', role: 'contributor' } })
      const cy = createClient({ url: server.url, token })
      writeFileSync(
        join(folder, 'decided', 'slipway.yaml'),
        'project: decided\npython: {packages: []}\npipeline: {steps: {one: {run: "job:main"}}}\n',
      )
      const version = await submitProject(cy, join(folder, 'decided'))
      assert.match((version.not_granted ?? []).join(), /the triggers of the project stayed: cy, as contributor/)
      assert.equal((await read('decided', 'hook')).on, 'webhook')
    })
  })
}
