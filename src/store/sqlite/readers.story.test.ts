/** Long reads of callers on SQLite: each ends in time or with its caller, and keeps nobody else waiting. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import type { Db } from '../db.ts'
import { leavingCaller as caller } from '../reads/caller.fixture.ts'
import { asCaller } from '../reads/caller.ts'
import { MOST_ROWS } from '../reads/limits.ts'
import { Reader } from './reader.ts'
import { Readers } from './readers.ts'
import { openSqlite } from './sqlite.ts'

const COUNT = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < '
/** Never gives a row, so that nothing but the end of its process ends it. */
const ENDLESS = { text: `${COUNT}1e15) SELECT max(i) FROM n`, params: [] }
const QUICK = { text: 'SELECT 1 AS one', params: [] }

const root = mkdtempSync(join(tmpdir(), 'slipway-readers-'))
let db: Db

before(() => void (db = openSqlite(join(root, 'slipway.db'), { longestReadMs: 5000 })))
after(async () => {
  await db.close()
  rmSync(root, { recursive: true, force: true })
})

/** Processes of this one that read a database below `path`. */
function readers(path = root): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const [, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
        return Number(parent) === process.pid && line.includes('reader-process') && line.includes(path)
      } catch {
        return false
      }
    })
    .map(Number)
}

/** The part that the longest turn of the loop until `end` has of all CPU until then: unlike time it does not depend on what else the machine does. */
function longestTurn(): { end(): number } {
  const begun = cpuMs()
  let [longest, last] = [0, begun]
  const look = setInterval(() => {
    const now = cpuMs()
    ;[longest, last] = [Math.max(longest, now - last), now]
  }, 1)
  const end = (): number => {
    clearInterval(look)
    const now = cpuMs()
    return Math.max(longest, now - last) / (now - begun)
  }
  return { end }
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

describe('a read for a caller', () => {
  it('is refused when it takes too long, within a statement too; the limit and what to do are said', async () => {
    const refused = asCaller(caller('a'), () => db.search(ENDLESS))
    await assert.rejects(refused, { code: 'too_costly', status: 422, message: /more than 5 s and was stopped/ })
    assert.deepEqual(await asCaller(caller('a'), () => db.search(QUICK)), [{ one: 1 }])
  })

  it('has its time from when its process has begun, however long the machine takes to start one', async (t) => {
    const path = join(root, 'slipway.db')
    const known = new Set(readers())
    const own = new Readers(path, { longestMs: 1000 })
    t.mock.timers.enable({ apis: ['setTimeout'] })
    try {
      const read = asCaller(caller('a'), () => own.search(QUICK.text, []))
      const fresh = await until('its process', () => readers().find((pid) => !known.has(pid)))
      process.kill(fresh, 'SIGSTOP')
      t.mock.timers.tick(60_000)
      process.kill(fresh, 'SIGCONT')
      assert.deepEqual(await read, [{ one: 1 }])
      const refused = asCaller(caller('a'), () => own.search(ENDLESS.text, []))
      await new Promise((resolve) => setImmediate(resolve))
      t.mock.timers.tick(1000)
      await assert.rejects(refused, { code: 'too_costly', message: /more than 1 s/ })
    } finally {
      await own.close()
    }
  })

  it('keeps no other caller waiting', async () => {
    const a = caller('a')
    const patient = openSqlite(join(root, 'slipway.db'), { longestReadMs: 600_000 })
    const stuck = Array.from({ length: 4 }, () => asCaller(a, () => patient.search(ENDLESS)))
    let open = stuck.length
    const ended = Promise.allSettled(stuck.map((one) => one.finally(() => open--)))
    assert.deepEqual(await asCaller(caller('b'), () => patient.search(QUICK)), [{ one: 1 }])
    assert.equal(open, 4, 'the other was answered while the first had reads that ran')
    a.leave()
    for (const one of await ended) assert.match(String(one.status === 'rejected' && one.reason), /went away/)
    await patient.close()
  })

  it('ends soon after its caller left, and its process with it', async () => {
    const a = caller('a')
    const before = readers()
    const left = asCaller(a, () => db.search(ENDLESS))
    const refused = assert.rejects(left, { code: 'bad_request', message: /went away/ })
    a.leave()
    await refused
    await until('the end of its process', () => readers().length < Math.max(1, before.length))
  })

  it('has no end once its call is over: then it is work of the server itself', async () => {
    const a = caller('a')
    const work = asCaller(a, async () => {
      await Promise.resolve()
      return db.search({ text: `${COUNT}?) SELECT max(i) AS most FROM n`, params: [15_000_000] })
    })
    a.over = true
    assert.deepEqual(await work, [{ most: 15_000_000 }])
  })

  it('comes back whole when it has many rows or large ones, and is refused beyond a million rows', async () => {
    const b = caller('b')
    const long = { text: `${COUNT}?) SELECT i, zeroblob(100) AS z FROM n`, params: [1201] }
    const rows = await asCaller(b, () => db.search<{ i: number; z: Uint8Array }>(long))
    assert.deepEqual(
      rows.map(({ i }) => i),
      Array.from({ length: 1201 }, (_, i) => i + 1),
    )
    assert.equal(rows[600]?.z.length, 100)
    const [wide] = await db.search<{ t: string }>({ text: "SELECT printf('%.*c', 3000000, 'x') AS t", params: [] })
    assert.equal(wide?.t.length, 3_000_000)
    const endless = { text: `${COUNT}${2 * MOST_ROWS}) SELECT 1 FROM n`, params: [] }
    await assert.rejects(db.search(endless), { code: 'too_costly', message: /1000000 rows/ })
  })

  it('of a million rows as columns keeps no turn of the loop long', async () => {
    const turns = longestTurn()
    const query = { text: `${COUNT}?) SELECT i, i * 0.5 AS x, 1 AS one, -i AS less FROM n`, params: [MOST_ROWS] }
    const { count, values } = await db.searchColumns(query)
    const part = turns.end()
    assert.equal(count, MOST_ROWS)
    assert.deepEqual(
      ['i', 'x', 'less'].map((name) => values[name]?.[MOST_ROWS - 1]),
      [MOST_ROWS, MOST_ROWS / 2, -MOST_ROWS],
    )
    assert.ok(part < 0.4, `a turn took ${part} of all CPU`)
  })

  it('is refused when its reader takes more memory than it may', async () => {
    const own = new Readers(join(root, 'slipway.db'), { mostMemory: 200 * 1024 ** 2, longestMs: 600_000 })
    const large = `${COUNT}1500) SELECT length(max(z)) AS l FROM (SELECT randomblob(1000000) AS z FROM n ORDER BY z LIMIT -1)`
    const refused = asCaller(caller('b'), () => own.search(large, []))
    await assert.rejects(refused, { code: 'too_costly', message: /more than 200 MiB of memory/ })
    assert.deepEqual(await asCaller(caller('b'), () => own.search('SELECT 1 AS one', [])), [{ one: 1 }])
    await own.close()
  })

  it('a reader that is killed in the middle is told, and the next read has another', async () => {
    const killed = db.search(ENDLESS)
    const refused = assert.rejects(killed, { code: 'unavailable' })
    await until('a reader', () => readers().length > 0)
    for (const pid of readers()) process.kill(pid, 'SIGKILL')
    await refused
    assert.deepEqual(await db.search(QUICK), [{ one: 1 }])
  })
})

describe('unless said otherwise', () => {
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  /** A read that never ends, for a caller, with timers that a test moves; what came of it. */
  async function endless(t: TestContext, path: string) {
    const own = new Readers(path)
    // its process has begun
    await own.search('SELECT 1', [])
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
    t.after(() => own.close())
    const a = caller('a')
    let end: string | undefined
    const asked = asCaller(a, () => own.search(ENDLESS.text, [])).catch((error: unknown) => (end = String(error)))
    const tick = async (ms: number): Promise<string | undefined> => {
      t.mock.timers.tick(ms)
      await turn()
      return end
    }
    return { a, asked, tick, said: () => end }
  }
  const path = join(root, 'slipway.db')

  it('a read ends after 15 s', async (t) => {
    const { asked, tick, said } = await endless(t, path)
    await turn()
    assert.equal(await tick(14_999), undefined)
    t.mock.timers.tick(1)
    await asked
    assert.match(said() ?? '', /more than 15 s/)
  })

  it('a read whose caller left ends a quarter of a second after it began', async (t) => {
    const { a, asked, tick, said } = await endless(t, path)
    await turn()
    a.leave()
    assert.equal(await tick(150), undefined)
    t.mock.timers.tick(100)
    await asked
    assert.match(said() ?? '', /went away/)
  })

  it('a read is looked at each quarter of a second, and may take a gigabyte', async (t) => {
    let memory = 1024 ** 3
    t.mock.getter(Reader.prototype, 'memory', () => memory)
    const { asked, tick, said } = await endless(t, path)
    await turn()
    assert.equal(await tick(250), undefined)
    memory++
    assert.equal(await tick(249), undefined)
    t.mock.timers.tick(1)
    await asked
    assert.match(said() ?? '', /more than 1024 MiB of memory/)
  })
})

describe('readers that nobody asks', () => {
  it('end after 30 s, all but one, which goes on', async (t) => {
    const path = join(root, 'idle.db')
    const file = openSqlite(path)
    const own = new Readers(path, { places: 3, perCaller: 3 })
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const all = await Promise.all([1, 2, 3].map((n) => own.search('SELECT ? AS n', [n])))
    assert.deepEqual(all, [[{ n: 1 }], [{ n: 2 }], [{ n: 3 }]])
    const three = readers(path)
    assert.equal(three.length, 3)
    t.mock.timers.tick(29_999)
    assert.deepEqual(await own.search('SELECT 4 AS n', []), [{ n: 4 }])
    assert.deepEqual(readers(path), three)
    t.mock.timers.tick(1)
    t.mock.timers.reset()
    await until('the end of the others', () => readers(path).length < 2)
    const [left] = readers(path)
    assert.deepEqual(await own.search('SELECT 5 AS n', []), [{ n: 5 }])
    assert.deepEqual(readers(path), [left])
    await own.close()
    await file.close()
  })
})
