/** Addresses of monitors' webhooks: sealed wherever a row holds them, told where they are not, and of use to the server alone. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { slipway } from '../../src/cli/program.fixture.ts'
import { createClient } from '../../src/client/client.ts'
import { authApi } from '../../src/contract/auth.ts'
import { monitoringApi } from '../../src/contract/monitoring.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { registryApi } from '../../src/contract/registry.ts'
import type { SqlValue } from '../../src/store/db.ts'
import { openPostgres } from '../../src/store/postgres/postgres.ts'
import { openSqlite } from '../../src/store/sqlite/sqlite.ts'
import { dataHouse, fail, receiver, SECRET, TOKEN, watchFailures } from '../monitored/messages-house.ts'
import type { Database } from '../monitored/messages-house.ts'
import { until } from '../until.ts'
import type { TestServer } from '../server.ts'

const CODE = `def train(model):
    model.mkdir()
    (model / "MLmodel").write_text("flavors: {}\\n")
    return {"score": 0.9}
`
const projectFile = (webhook: string): string => `project: default
pipeline:
  steps:
    train: {run: job:train, outputs: [model]}
model: {name: m, from: train.model, gates: [{metric: score, at_least: 0.5}]}
endpoint: {name: shipped}
monitor:
  webhook: "${webhook}"
  webhooks: [{name: chat, url: "${webhook}&of=chat"}]
`

interface House {
  start(): Promise<TestServer>
  readonly sql: (text: string, values?: readonly SqlValue[]) => Promise<Record<string, unknown>[]>
}

async function house(t: TestContext, database: Database): Promise<House> {
  const { data, postgres, start } = await dataHouse(t, database)
  return {
    start,
    async sql(text, values = []) {
      const db = postgres === undefined ? openSqlite(join(data, 'slipway.db')) : openPostgres(postgres)
      try {
        if (text.startsWith('SELECT')) return await db.all(text, values)
        await db.tx((tx) => tx.run(text, values))
        return []
      } finally {
        await db.close()
      }
    },
  }
}

/** Every row that could hold an address, as text. */
async function kept({ sql }: House): Promise<string> {
  const rows = [
    await sql('SELECT * FROM endpoints'),
    await sql('SELECT * FROM model_versions'),
    await sql('SELECT * FROM pipeline_versions'),
    await sql('SELECT * FROM audit'),
    await sql('SELECT * FROM notices'),
    await sql('SELECT * FROM incidents'),
    await sql('SELECT * FROM rollouts'),
  ]
  return JSON.stringify(rows)
}

const hidden = new RegExp(`${SECRET}|${TOKEN}`)

/** As the row of the endpoint holds it. */
async function webhookOf({ sql }: House): Promise<string> {
  const [row] = await sql("SELECT monitor FROM endpoints WHERE name = 'told'")
  return (JSON.parse(String(row?.['monitor'])) as { webhook: string }).webhook
}

/** Sends a project in as somebody, and takes its version to its endpoint. */
async function ship(server: TestServer, token: string, webhook: string): Promise<{ run: string; version: string }> {
  const client = createClient({ url: server.url, token })
  const folder = mkdtempSync(join(tmpdir(), 'slipway-shipped-'))
  const text = projectFile(webhook)
  writeFileSync(join(folder, 'slipway.yaml'), text)
  writeFileSync(join(folder, 'job.py'), CODE)
  execFileSync('tar', ['cf', join(folder, 'code.tar'), '-C', folder, 'slipway.yaml', 'job.py'])
  const headers = { authorization: `Bearer ${token}` }
  const body = readFileSync(join(folder, 'code.tar'))
  const reply = await fetch(`${server.url}/v1/trees`, { method: 'POST', headers, body })
  const { digest: tree } = (await reply.json()) as { digest: string }
  rmSync(folder, { recursive: true })
  const { id } = await client.call(pipelinesApi.createPipelineVersion, { body: { text, tree, file: 'slipway.yaml' } })
  const made = await client.call(pipelinesApi.createPipelineRun, { body: { pipeline_version: id, deploy: true } })
  const done = await until('the run', async () => {
    const found = await client.call(pipelinesApi.getPipelineRun, { params: { id: made.id } })
    return ['succeeded', 'failed', 'cancelled'].includes(found.state) ? found : undefined
  })
  assert.equal(done.state, 'succeeded', JSON.stringify(done))
  return { run: made.id, version: id }
}

/** The cases on one kind of database. */
export function sealedAddressCases(database: Database): void {
  describe(`addresses of monitors' webhooks on ${database}`, () => {
    test('what is shipped and what is set lies sealed, is shown as its server, and is used', async (t) => {
      const to = await receiver(t)
      const place = await house(t, database)
      const server = await place.start()
      await watchFailures(server, to.url)
      const { token } = await server.client.call(authApi.createToken, { body: { name: 'mia', role: 'maintainer' } })
      const { run, version } = await ship(server, token, to.url)
      const settings = await until('the endpoint', async () => {
        const { items } = await server.client.call(monitoringApi.listNotices, { params: { name: 'told' }, query: {} })
        const rows = await place.sql("SELECT monitor FROM endpoints WHERE name = 'shipped'")
        return rows.length === 1 ? { rows, items } : undefined
      })
      assert.match(JSON.stringify(settings.rows), /127\.0\.0\.1:\d+\/sealed:/)
      assert.doesNotMatch(await kept(place), hidden)
      const shown = await server.client.call(pipelinesApi.getPipelineVersion, { params: { id: version } })
      assert.doesNotMatch(JSON.stringify(shown), hidden)
      assert.ok(shown.text.includes('webhook: "http://127.0.0.1:') && !shown.text.includes('sealed:'), shown.text)
      const { settings: monitor } = await server.client.call(monitoringApi.getMonitor, { params: { name: 'shipped' } })
      assert.match(
        `${monitor.webhook} ${monitor.webhooks?.[0]?.url}`,
        /^http:\/\/[\d.:]+\/\*\*\* http:\/\/[\d.:]+\/\*\*\*$/,
      )
      // whose settings these are, and by what they came
      const trail = await place.sql(
        "SELECT actor, detail FROM audit WHERE resource = 'endpoints' AND resource_id = 'shipped' ORDER BY seq",
      )
      assert.deepEqual(
        trail.map(({ actor, detail }) => [actor, (JSON.parse(String(detail)) as { via?: unknown }).via]),
        [['mia', { run, model: 'm', version: '1' }]],
      )
      await fail(server, 'night')
      const heard = await until('the message', () => to.heard[0])
      assert.equal(heard.body.status, 'firing')
      if (database === 'SQLite')
        for (const name of readdirSync(server.data).filter((one) => one.startsWith('slipway.db')))
          assert.doesNotMatch(readFileSync(join(server.data, name), 'latin1'), hidden, name)
      const doctor = await slipway({ SLIPWAY_DATA: server.data }, 'doctor')
      assert.match(doctor.text, /ok {3}Webhooks/)
      // the same address in the next version is no change of the settings
      const second = await ship(server, token, to.url)
      assert.notEqual(second.run, run)
      await until('the second wish', async () => {
        const rows = await place.sql("SELECT version FROM model_versions WHERE model = 'm' AND rollout_id IS NULL")
        return rows.length === 0
      })
      const again = await place.sql("SELECT seq FROM audit WHERE resource = 'endpoints' AND resource_id = 'shipped'")
      assert.equal(again.length, 1)
    })

    test('what a server before has kept is told, and sealed at the next start; under another host it is of no use', async (t) => {
      const to = await receiver(t)
      const place = await house(t, database)
      const first = await place.start()
      await watchFailures(first, to.url)
      const { version } = await ship(first, first.token, to.url)
      const named = "SELECT name FROM endpoints WHERE name = 'shipped'"
      await until('the endpoint', async () => (await place.sql(named)).length === 1)
      // as it lay before
      const monitor = JSON.stringify({ webhook: to.url, searches: [{ search: 'failures', more_than: 0 }] })
      const wish = { endpoint: 'shipped', project: 'default', plan: null, monitor: { webhook: to.url } }
      await place.sql("UPDATE endpoints SET monitor = ? WHERE name = 'told'", [monitor])
      await place.sql("UPDATE model_versions SET deployment = ? WHERE model = 'm'", [JSON.stringify(wish)])
      const [row] = await place.sql('SELECT spec FROM pipeline_versions WHERE id = ?', [version])
      const spec = JSON.parse(String(row?.['spec'])) as { monitor: object }
      await place.sql('UPDATE pipeline_versions SET spec = ?, body = ? WHERE id = ?', [
        JSON.stringify({ ...spec, monitor: { ...spec.monitor, webhook: to.url } }),
        projectFile(to.url),
        version,
      ])
      assert.match(await kept(place), hidden)
      const told = await slipway({ SLIPWAY_DATA: first.data }, 'doctor')
      assert.match(
        told.text,
        /FAIL Webhooks: .*unsealed in the database \(1 endpoint, 1 version, 1 project file\); start the server again/,
      )
      const shown = await first.client.call(pipelinesApi.getPipelineVersion, { params: { id: version } })
      assert.doesNotMatch(JSON.stringify(shown), hidden)
      await first.stop()

      const server = await place.start()
      assert.doesNotMatch(await kept(place), hidden)
      const sealed = await kept(place)
      assert.match((await slipway({ SLIPWAY_DATA: server.data }, 'doctor')).text, /ok {3}Webhooks/)
      const found = await server.client.call(registryApi.getVersion, { params: { name: 'm', version: '1' } })
      assert.equal(found.version, '1')
      await fail(server, 'night')
      assert.equal((await until('the message', () => to.heard[0])).body.status, 'firing')
      await server.stop()
      const next = await place.start()
      assert.ok(sealed.includes(await webhookOf(place)), 'once is enough')

      // what is sealed for one server goes to no other, and a key that is another one's opens nothing
      const other = await receiver(t)
      const [mine] = await place.sql("SELECT monitor FROM endpoints WHERE name = 'told'")
      const moved = String(mine?.['monitor']).replace(new URL(to.url).host, new URL(other.url).host)
      await place.sql("UPDATE endpoints SET monitor = ? WHERE name = 'told'", [moved])
      await fail(next, 'another night')
      const dead = await until('the dead letter', async () => {
        const { items } = await next.client.call(monitoringApi.listNotices, {
          params: { name: 'told' },
          query: { state: 'dead' },
        })
        return items[0]
      })
      assert.match(dead.last_error ?? '', /was sealed with another key/)
      assert.equal(other.heard.length, 0)
    })
  })
}
