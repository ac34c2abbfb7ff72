/** Whoever writes on the database cannot cut or change the end of the audit chain unseen: its checkpoints lie elsewhere, and a restore is told as what it is. */
import assert from 'node:assert/strict'
import Database from 'better-sqlite3'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  cpSync,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { TestContext } from 'node:test'
import pg from 'pg'
import { temporaryFolder } from '../fixtures/folder.ts'
import { slipway } from '../../src/cli/program.fixture.ts'
import { fileSigner, hashOfLine } from '../../src/auth/checkpoint-record.ts'
import { authApi } from '../../src/contract/auth.ts'
import { startPostgres } from '../postgres.ts'
import { NO_S3, startS3 } from '../s3.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { until } from '../until.ts'

const s3 = await startS3()
const root = temporaryFolder('checkpoints')
after(() => s3?.stop())

type Env = Readonly<Record<string, string>>
type Row = Readonly<Record<string, string | number | null>>

interface House {
  readonly data: string
  readonly env: Env
  /** Runs SQL as one who has the database but not the server. */
  readonly sql: (text: string, values?: readonly (string | number)[]) => Promise<Row[]>
}

let folders = 0
const newFolder = (): string => join(root, `data-${++folders}`)

const houses: Record<
  'SQLite and disk' | 'PostgreSQL and S3',
  { skip: string | false; open: (t: TestContext) => Promise<House> }
> = {
  'SQLite and disk': {
    skip: false,
    open: async () => {
      const data = newFolder()
      const sql: House['sql'] = async (text, values = []) => {
        const db = new Database(join(data, 'slipway.db'), { timeout: 120_000 })
        const statement = db.prepare(text)
        const rows = statement.reader ? statement.all(...values) : (statement.run(...values), [])
        db.close()
        return rows as Row[]
      }
      return { data, env: {}, sql }
    },
  },
  'PostgreSQL and S3': {
    skip: s3 === undefined ? NO_S3 : false,
    open: async (t) => {
      const database = await startPostgres()
      const client = new pg.Client({ connectionString: database.url })
      await client.connect()
      t.after(() => client.end())
      const data = newFolder()
      const env = { ...s3?.env, SLIPWAY_BLOBS: `${s3?.url}/house-${folders}`, SLIPWAY_DATABASE_URL: database.url }
      const sql: House['sql'] = async (text, values = []) => {
        let at = 0
        return (
          await client.query<Row>(
            text.replace(/\?/g, () => `$${++at}`),
            [...values],
          )
        ).rows
      }
      return { data, env, sql }
    },
  },
}

async function start(t: TestContext, { data, env }: Pick<House, 'data' | 'env'>): Promise<TestServer> {
  const server = await startTestServer({ data, env: { SLIPWAY_LOG_LEVEL: 'error', ...env } })
  t.after(() => server.stop())
  // its first line is written beside the start, and must not wait until more rows have come
  const path = join(data, 'audit-checkpoints.jsonl')
  await until('a checkpoint', () => existsSync(path) && statSync(path).size > 0)
  return server
}

/** Makes tokens, each of which is a row of the chain; returns how many rows there are. */
async function act(server: TestServer, times: number): Promise<number> {
  for (let i = 0; i < times; i++)
    await server.client.call(authApi.createToken, { body: { name: `t${i}`, role: 'viewer' } })
  const { items } = await server.client.call(authApi.listAudit, { query: { limit: 1 } })
  return items[0]?.seq ?? 0
}

const verify = (data: string, ...more: string[]) => slipway({}, 'audit', 'verify', '--data', data, ...more)

/** Makes the rows from `from` on anew, as the format says it, so that the chain is whole in itself. */
async function forge({ sql }: House, from: number, actor: string): Promise<void> {
  const rows = await sql('SELECT * FROM audit WHERE seq >= ? ORDER BY seq', [from - 1])
  let prev = String(rows[0]?.['hash'])
  for (const row of rows.slice(1)) {
    const { seq, at, token_id, verb, resource, resource_id, detail } = row
    const fields = [Number(seq), Number(at), actor, token_id, verb, resource, resource_id, detail, prev]
    const hash = createHash('sha256').update(JSON.stringify(fields)).digest('hex')
    await sql('UPDATE audit SET actor = ?, prev = ?, hash = ? WHERE seq = ?', [actor, prev, hash, Number(seq)])
    prev = hash
  }
}

/** The next line of a file of checkpoints, well made and with the newest row, by a key that is not the server's. */
function signedElsewhere(text: string, kind: 'checkpoint' | 'restored'): string {
  const last = text.trimEnd().split('\n').at(-1) ?? ''
  const { n, rows, head } = JSON.parse(last) as { n: number; rows: number; head: string }
  const at = new Date().toISOString()
  const signer = fileSigner(join(root, 'mallory.pem'))
  return `${signer.sign({ n: n + 1, kind, at, rows, head, prev: hashOfLine(last), note: 'forged' })}\n`
}

/** The cases on one kind of database, with where its blobs lie. */
export function checkpointCases(name: 'SQLite and disk' | 'PostgreSQL and S3'): void {
  const { skip, open } = houses[name]
  test(
    `the end of the chain is cut, made anew, or overgrown: the first row is named (${name})`,
    { skip },
    async (t) => {
      const house = await open(t)
      const first = await start(t, house)
      await act(first, 4)
      assert.equal(await first.stop(), 0)
      const second = await start(t, house)
      const rows = await act(second, 3)
      assert.equal(await second.stop(), 0)
      assert.equal(statSync(join(house.data, 'audit-signing.pem')).mode & 0o777, 0o600)
      assert.equal(statSync(join(house.data, 'audit-checkpoints.jsonl')).mode & 0o777, 0o600)

      const third = await start(t, house)
      const whole = await verify(house.data)
      assert.equal(whole.code, 0, whole.text)
      assert.match(whole.text, new RegExp(`is whole: ${rows} rows, .*; 3 checkpoints hold`))
      assert.match((await slipway({ SLIPWAY_DATA: house.data }, 'doctor')).text, /ok {3}Audit: \d+ rows are whole/)

      const kept = await house.sql('SELECT * FROM audit WHERE seq > ? ORDER BY seq', [rows - 2])
      await house.sql('DELETE FROM audit WHERE seq > ?', [rows - 2])
      const cut = await verify(house.data)
      assert.equal(cut.code, 1)
      assert.match(
        cut.text,
        new RegExp(`broken at row ${rows - 1}: row ${rows - 1} is missing: the chain ends before it`),
      )
      assert.match((await slipway({ SLIPWAY_DATA: house.data }, 'doctor')).text, /FAIL Audit: row/)

      await act(third, 5)
      const overgrown = await verify(house.data)
      assert.equal(overgrown.code, 1, overgrown.text)
      assert.match(overgrown.text, /broken at row \d+: rows \d+ to \d+ are not what the checkpoint of 2\S+ has signed/)

      await house.sql('DELETE FROM audit WHERE seq > ?', [rows - 2])
      for (const row of kept) {
        const names = Object.keys(row)
        const marks = names.map(() => '?').join()
        await house.sql(
          `INSERT INTO audit (${names.join()}) VALUES (${marks})`,
          names.map((one) => row[one] as string),
        )
      }
      assert.equal((await verify(house.data)).code, 0, 'as it was')
      await forge(house, 3, 'mallory')
      const forged = await verify(house.data)
      assert.equal(forged.code, 1)
      assert.match(forged.text, /broken at row 2: rows 2 to \d+ are not what the checkpoint of/)
      await third.kill()
    },
  )

  test(
    `a backup that is restored is told as that and is no alarm; one that was put in place by hand has to be told (${name})`,
    { skip },
    async (t) => {
      const house = await open(t)
      const first = await start(t, house)
      const saved = await act(first, 4)
      await first.stop()
      const file = join(root, `${name}.tar`)
      assert.equal((await slipway(house.env, 'backup', file, '--data', house.data)).code, 0)
      const names = execFileSync('tar', ['tf', file], { encoding: 'utf8' })
      assert.match(names, /audit-checkpoints\.jsonl/)
      assert.doesNotMatch(names, /\.pem/, 'who has a backup signs nothing')
      const older = name.startsWith('SQLite') ? join(root, 'older.db') : undefined
      if (older !== undefined) cpSync(join(house.data, 'slipway.db'), older)
      const again = await start(t, house)
      const rows = await act(again, 3)
      await again.stop()

      const target = newFolder()
      const there = name.startsWith('SQLite') ? {} : { ...house.env, SLIPWAY_DATABASE_URL: (await startPostgres()).url }
      const restored = await slipway(there, 'restore', file, '--data', target)
      assert.equal(restored.code, 0, restored.text)
      const second = await start(t, { data: target, env: there })
      const told = await verify(target)
      assert.equal(told.code, 0, told.text)
      assert.match(
        told.text,
        new RegExp(`the chain became that of a backup of ${saved} rows \\(restored from the backup of 2`),
      )
      const { items } = await second.client.call(authApi.listAudit, { query: { limit: 10 } })
      assert.equal(items.filter(({ resource_id }) => resource_id === 'restored').length, 1)
      await act(second, 1)
      assert.equal(await second.stop(), 0)
      const third = await start(t, { data: target, env: there })
      assert.equal((await verify(target)).code, 0)
      const after = await third.client.call(authApi.listAudit, { query: { limit: 100 } })
      assert.equal(after.items.filter(({ resource_id }) => resource_id === 'restored').length, 1, 'it is told once')
      await third.stop()

      if (older === undefined) return
      cpSync(older, join(house.data, 'slipway.db'))
      const back = await start(t, house)
      const alarm = await verify(house.data)
      assert.equal(alarm.code, 1)
      assert.match(alarm.text, new RegExp(`broken at row ${saved + 1}`))
      const said = await slipway({}, 'audit', 'checkpoint', '--restored', 'disk of Monday', '--data', house.data)
      assert.equal(said.code, 0, said.text)
      const calm = await verify(house.data)
      assert.equal(calm.code, 0, calm.text)
      assert.match(
        calm.text,
        new RegExp(`a backup of ${saved} rows \\(disk of Monday\\); ${rows - saved} rows that were signed`),
      )
      await back.stop()
    },
  )

  test(`the checkpoints themselves are changed or cut (${name})`, { skip }, async (t) => {
    const house = await open(t)
    const path = join(house.data, 'audit-checkpoints.jsonl')
    const outside = join(root, `${name}.outside`)
    for (let i = 0; i < 3; i++) {
      const server = await start(t, house)
      await act(server, 2)
      if (i === 2)
        assert.equal((await slipway({}, 'audit', 'checkpoint', '--to', outside, '--data', house.data)).code, 0)
      await server.stop()
    }
    const text = readFileSync(path, 'utf8')
    const lines = text.trimEnd().split('\n')
    const rows = (JSON.parse(lines.at(-1) ?? '') as { rows: number }).rows
    appendFileSync(path, lines[0]?.slice(0, 50) ?? '')
    const server = await start(t, house)
    assert.equal((await verify(house.data)).code, 0, 'what a crash cut off is no line')
    await act(server, 1)
    assert.equal((await slipway({}, 'audit', 'checkpoint', '--data', house.data)).code, 0)
    assert.equal((await verify(house.data)).code, 0, 'and the next line is whole')
    const good = readFileSync(path, 'utf8')
    for (const [what, bad] of [
      ['a line that says fewer rows', good.replace(`"rows":${rows},`, '"rows":1,')],
      ['a line taken out', good.split('\n').toSpliced(1, 1).join('\n')],
    ] as const) {
      writeFileSync(path, bad)
      const told = await verify(house.data)
      assert.equal(told.code, 1, what)
      assert.match(told.text, /cannot be trusted: the checkpoints were changed: line \d+/, what)
    }
    for (const kind of ['checkpoint', 'restored'] as const) {
      writeFileSync(path, good + signedElsewhere(good, kind))
      const told = await verify(house.data)
      assert.equal(told.code, 1, kind)
      assert.match(told.text, /the checkpoints were changed: line \d+ of 2\S+ was not signed with the key of this/)
    }
    writeFileSync(path, good)
    const nothing = join(root, `${name}.nothing`)
    writeFileSync(nothing, '')
    const empty = await verify(house.data, '--against', nothing)
    assert.equal(empty.code, 1)
    assert.match(empty.text, /nothing holds no checkpoint/)
    // both ends cut alike, and each trace of it: the folder alone does not tell it, what lies elsewhere does
    writeFileSync(path, good)
    truncateSync(path, Buffer.byteLength(`${lines[0]}\n`))
    await house.sql('DELETE FROM audit WHERE seq > ?', [(JSON.parse(lines[0] ?? '') as { rows: number }).rows])
    const both = await verify(house.data)
    const against = await verify(house.data, '--against', outside)
    assert.equal(against.code, 1)
    assert.match(against.text, new RegExp(`is not what \\S*.*outside has signed: row ${rows} is missing or another`))
    if (!name.startsWith('SQLite'))
      assert.match(both.text, /broken at row \d+: row \d+ is missing: the chain ends before it/)
    else {
      assert.match(both.text, /the checkpoints were changed: the key [0-9a-f]+ had signed \d+ lines until/)
      await house.sql("DELETE FROM store_facts WHERE name LIKE 'audit.signed.%'")
      assert.equal((await verify(house.data)).code, 0, 'the guide on security says that copies are needed for this')
    }
    const said = await slipway({}, 'audit', 'checkpoint', '--restored', 'all is well', '--data', house.data)
    assert.equal(said.code, 0, said.text)
    const given = await verify(house.data, '--against', outside)
    assert.match(given.text, /is what 0 lines of .+ have signed; 1 more signed rows that a restore gave up/)
    await server.kill()
  })

  test(`checkpoints and key are removed: verify says that they were there (${name})`, { skip }, async (t) => {
    const house = await open(t)
    for (let i = 0; i < 2; i++) {
      const server = await start(t, house)
      await act(server, 2)
      await server.stop()
    }
    const remove = (): void => {
      for (const file of ['audit-checkpoints.jsonl', 'audit-signing.pem']) rmSync(join(house.data, file))
    }
    remove()
    const server = await start(t, house)
    const rows = await act(server, 1)
    const told = await verify(house.data)
    assert.equal(told.code, 1, told.text)
    assert.match(told.text, /the key [0-9a-f]{16} had signed \d+ lines until 2\S+, and none of them is in the file/)
    assert.match(
      (await slipway({ SLIPWAY_DATA: house.data }, 'doctor')).text,
      /FAIL Audit: .* none of them is in the file/,
    )

    await house.sql("DELETE FROM store_facts WHERE name LIKE 'audit.signed.%'")
    const traceless = await verify(house.data)
    if (name.startsWith('SQLite')) {
      assert.equal(traceless.code, 0, 'the guide on security says so')
      await server.stop()
      return
    }
    assert.equal(traceless.code, 0, traceless.text)
    assert.match(
      traceless.text,
      /so do \d+ copies that other keys have signed: of other servers .* or of files that were removed/,
    )
    await server.stop()
    remove()
    await house.sql('DELETE FROM audit WHERE seq >= ?', [rows - 1])
    const last = await start(t, house)
    await house.sql("DELETE FROM store_facts WHERE name LIKE 'audit.signed.%'")
    const cut = await verify(house.data)
    assert.equal(cut.code, 1, cut.text)
    assert.match(
      cut.text,
      /broken at row \d+: row \d+ is missing: the chain ends before it|rows? \d+ .*not what the checkpoint of/,
    )
    const said = await slipway({}, 'audit', 'checkpoint', '--restored', 'it was us', '--data', house.data)
    assert.equal(said.code, 0, said.text)
    const given = await verify(house.data)
    assert.equal(given.code, 0, given.text)
    assert.match(given.text, /the chain became that of a backup of \d+ rows \(it was us\)/)
    await last.stop()
  })
}
