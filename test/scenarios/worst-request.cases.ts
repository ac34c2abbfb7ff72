/** One viewer's worst requests beside another caller: the other is answered while they run, they end with their caller, and are stopped and say why. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startTestApp } from '../app.ts'
import { createClient } from '../../src/client/client.ts'
import { authApi } from '../../src/contract/auth.ts'
import type { App } from '../../src/options.ts'
import { openStore } from '../../src/store/open.ts'
import { insertRows } from '../../src/store/sql/sql.ts'
import { startPostgres } from '../postgres.ts'
import type { TestPostgres } from '../postgres.ts'

/** Longest read for a caller, ms: one that every bad read takes, and one that nothing takes, for a good read has no time of its own on a busy machine. */
const [SHORT_MS, LONG_MS] = [1000, 3_600_000]

const RUNS = 6000

/** Each run has a tag that no filter below fits, and that each has to go through again and again. */
const LONG_TAG = 'ab'.repeat(3900)

const SEARCH = '/api/2.0/mlflow/runs/search'
const search = (filter: string, more: object = {}): object => ({ experiment_ids: ['0'], filter, ...more })
const native = (filter: string): string => `/v1/runs?experiment_id=0&filter=${encodeURIComponent(filter)}`
const many = (count: number, operator: string, pattern: string): string =>
  Array.from({ length: count }, (_, i) => `tags.long ${operator} '${pattern}${i}'`).join(' OR ')

interface Asked {
  readonly path: string
  readonly body?: object
}

/** What a viewer may ask that takes far too long: minutes. */
const WORST: Readonly<Record<string, Asked>> = {
  'twenty regular expressions': { path: native(many(20, 'RLIKE', '(?:a?b?){30}(?:[ab]{1,30}){20}c$')) },
  // a look at sixty characters from nearly each place of each tag
  'LIKE with long near misses': { path: native(many(120, 'LIKE', `%${'ab'.repeat(30)}c`)) },
}

/** PostgreSQL's own matcher takes a second for them, which is no harm. */
const QUICK_ON_POSTGRES = ['twenty regular expressions']

/** The cases on one kind of database. */
export function worstRequestCases(kind: 'SQLite' | 'PostgreSQL'): void {
  describe(`worst requests on ${kind}`, () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'worst-request-'))
    let postgres: TestPostgres | undefined
    let app: App
    let viewer: string
    let other: string

    const where = () => ({ dataDir, ...(postgres && { databaseUrl: postgres.url }) })
    before(async () => {
      postgres = kind === 'PostgreSQL' ? await startPostgres() : undefined
      await makeRuns(where())
    })
    after(async () => {
      await postgres?.stop()
      rmSync(dataDir, { recursive: true, force: true })
    })

    /** Called at the top of a suite: the app of its tests, with this limit of reads. */
    const opened = (longestReadMs: number): void => {
      before(async () => {
        app = await startTestApp({ ...where(), longestReadMs, logLevel: 'fatal' })
        const admin = createClient({ url: app.url, token: readFileSync(app.tokenFile, 'utf8').trim() })
        const tokenOf = async (name: string): Promise<string> =>
          (await admin.call(authApi.createToken, { body: { name, role: 'viewer' } })).token
        ;[viewer, other] = [await tokenOf('viewer'), await tokenOf('other')]
      })
      after(() => app.stop())
    }

    const ask = async (token: string, { path, body }: Asked, signal?: AbortSignal): Promise<Answer> => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const request = body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) }
      const reply = await fetch(app.url + path, { ...request, ...(signal && { signal }) })
      return { status: reply.status, text: await reply.text() }
    }
    const good = async (token: string): Promise<void> => {
      const { status, text } = await ask(token, {
        path: SEARCH,
        body: search("tags.short = 'yes'", { max_results: 10 }),
      })
      assert.equal(status, 200, text)
      assert.equal((JSON.parse(text) as { runs: unknown[] }).runs.length, 10)
    }

    const worst = Object.entries(WORST).filter(([name]) => kind === 'SQLite' || !QUICK_ON_POSTGRES.includes(name))

    describe('that nothing stops', () => {
      opened(LONG_MS)

      for (const [name, asked] of worst)
        test(`${name}: another caller's searches are answered while they run`, async () => {
          const gone = new AbortController()
          let open = 4
          const bad = Array.from({ length: open }, () => ask(viewer, asked, gone.signal).finally(() => open--))
          for (let i = 0; i < 10; i++) await good(other)
          assert.ok(open > 0, 'the other was answered while bad requests ran')
          gone.abort()
          for (const one of await Promise.allSettled(bad))
            // those that ran were left, and those that waited for a place as well, or were told that there was none
            if (one.status === 'fulfilled') assert.equal(one.value.status, 429, one.value.text)
        })

      test('a viewer that goes away leaves nothing behind that runs: its next read has a place', async () => {
        const gone = new AbortController()
        const bad = Array.from({ length: 6 }, () =>
          ask(viewer, WORST['LIKE with long near misses'] as Asked, gone.signal),
        )
        // by its answer the others, which came before it, run or wait
        await good(other)
        gone.abort()
        await Promise.allSettled(bad)
        // if they ran on, it would wait for its place in vain, and be refused
        await good(viewer)
      })
    })

    describe('that are stopped', () => {
      opened(SHORT_MS)

      for (const [name, asked] of worst)
        test(`${name}: refused by name`, async () => {
          const { status, text } = await ask(viewer, asked)
          assert.equal(status, 422, text)
          assert.match(text, /took more than 1 s and was stopped/)
        })
    })
  })
}

interface Answer {
  readonly status: number
  readonly text: string
}

/** Runs with a long tag and a short one, in the default experiment. */
async function makeRuns(where: Parameters<typeof openStore>[0]): Promise<void> {
  const { db } = await openStore(where)
  await db.tx(async (t) => {
    const ids = Array.from({ length: RUNS }, () => randomBytes(16).toString('hex'))
    const columns =
      'run_id, experiment_id, project, run_name, user_id, status, start_time, artifact_uri, lifecycle_stage'
    await insertRows(
      t,
      `INSERT INTO runs (${columns}, heartbeat_at)`,
      ids.map((id, i) => [id, '0', 'default', `r${i}`, 'u', 'FINISHED', i, 'mlflow-artifacts:/0', 'active', i]),
    )
    await insertRows(
      t,
      'INSERT INTO run_tags (run_id, key, value)',
      ids.flatMap((id) => [
        [id, 'long', LONG_TAG],
        [id, 'short', 'yes'],
      ]),
    )
  })
  await db.close()
}
