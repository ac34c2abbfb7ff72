/** Data sets over HTTP: versions by content, profiles, differences, who keeps them, and what is refused. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { startTestApp } from '../../test/app.ts'
import { until } from '../../test/until.ts'
import { createClient, type Client } from '../client/client.ts'
import { authApi } from '../contract/auth.ts'
import { dataSetsApi } from '../contract/data/sets.ts'
import type { App } from '../options.ts'
import { writeArchive } from '../store/blobs/archive.ts'

/** A row of each id; every tenth has no delay. */
function csv(ids: readonly number[], delay: (id: number) => number, more = ''): string {
  const rows = ids.map((id) => `${id},${id % 10 === 0 ? '' : delay(id)},${'ABC'[id % 3]},0${id}${more}`)
  return `id,delay,carrier,zip${more === '' ? '' : ',extra'}\n${rows.join('\n')}\n`
}

const IDS = Array.from({ length: 1000 }, (_, i) => i)

describe('data sets', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'slipway-data-'))
  let app: App
  let client: Client

  before(async () => {
    app = await startTestApp({ dataDir })
    client = createClient({ url: app.url, token: readFileSync(app.tokenFile, 'utf8').trim() })
  })
  after(async () => {
    await app.stop()
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
  })

  async function upload(files: Readonly<Record<string, string | Uint8Array>>, by = client): Promise<string> {
    const packed = Object.entries(files).map(([path, text]) => ({
      path,
      size: Buffer.byteLength(text),
      executable: false,
      source: () => Readable.from([Buffer.from(text)]),
    }))
    const body = Readable.toWeb(Readable.from(writeArchive(packed)))
    return (await by.call(dataSetsApi.uploadData, { body })).digest
  }

  async function add(name: string, content: string | Uint8Array, more: object = {}) {
    const tree = await upload({ 'rows.csv': content })
    return client.call(dataSetsApi.addDataVersion, { body: { name, tree, single: true, ...more } })
  }

  const profiled = (name: string, version = 'latest') =>
    until(`the profile of ${name}@${version}`, async () => {
      const found = await client.call(dataSetsApi.getDataVersion, { params: { name, version } })
      return found.state !== 'profiling' && found
    })

  const diff = (name: string, query: { to: string; key?: string[] }) =>
    until('the comparison', async () => {
      const reply = await client.call(dataSetsApi.compareData, { params: { name, version: '1' }, query })
      return reply.diff
    })

  test('the same content is the same version, other content the next, and a number is never given again', async () => {
    const text = csv(IDS, (id) => id / 10)
    const first = await add('flights', text, { note: 'of May', tags: { team: 'ops' } })
    const again = await add('flights', text)
    assert.deepEqual([first.version, first.added, again.version, again.added], [1, true, 1, false])
    assert.equal((await add('flights', `${text}1000,1,A,00\n`)).version, 2)
    await client.call(dataSetsApi.removeDataVersion, { params: { name: 'flights', version: '2' } })
    assert.equal((await add('flights', `${text}1000,2,A,00\n`)).version, 3)
    const { items, versions } = await client.call(dataSetsApi.getDataSet, { params: { name: 'flights' } })
    assert.deepEqual([items.map(({ version }) => version), versions], [[3, 1], 2])
    assert.deepEqual([items[1]?.note, items[1]?.tags], ['of May', { team: 'ops' }])
  })

  test('a content is found by its digest, whole or as much of it as clients keep, and of one’s project alone', async () => {
    const { digest } = await add(
      'found',
      csv([1, 2], () => 1),
    )
    const hex = digest.replace('sha256:', '')
    await add(
      'found-too',
      csv([1, 2], () => 1),
    )
    const find = async (asked: readonly string[], by = client) =>
      (await by.call(dataSetsApi.findDataVersions, { query: { digest: [...asked] } })).items
    const named = (asked: string, name: string) => ({ asked, project: 'default', name, version: 1, digest })
    for (const asked of [digest, hex, hex.slice(0, 36)])
      assert.deepEqual(await find([asked]), [named(asked, 'found'), named(asked, 'found-too')])
    assert.deepEqual(await find([hex.slice(0, 35), `${hex.slice(0, 35)}%`, `sha256:${'0'.repeat(64)}`, "'"]), [])
    const body = { name: 'elsewhere', role: 'viewer' as const, project: 'other' }
    const { token } = await client.call(authApi.createToken, { body })
    assert.deepEqual(await find([digest], createClient({ url: app.url, token })), [])
  })

  test('a profile counts what is there, and codes with a leading zero are no numbers', async () => {
    const { rows, columns, state, reason } = await profiled('flights', '1')
    assert.deepEqual([rows, state, reason], [1000, 'ready', ''])
    const of = Object.fromEntries(columns.map((column) => [column.name, column]))
    assert.deepEqual(
      columns.map(({ name, type }) => [name, type]),
      [
        ['id', 'int'],
        ['delay', 'float'],
        ['carrier', 'text'],
        ['zip', 'text'],
      ],
    )
    assert.deepEqual([of['delay']?.missing, of['delay']?.count, of['delay']?.max], [100, 900, 99.9])
    assert.deepEqual([of['id']?.distinct, of['id']?.distinct_exact, of['carrier']?.distinct], [1000, true, 3])
    // 333 B and C each, and one A more
    assert.deepEqual(of['carrier']?.top[0], { value: 'A', count: 334 })
    assert.equal(
      of['delay']?.histogram?.counts.reduce((sum, count) => sum + count, 0),
      900,
    )
    const median = of['id']?.quantiles.find(({ share }) => share === 0.5)?.value ?? 0
    assert.ok(Math.abs(median - 499.5) <= 1, String(median))
  })

  test('rows are joined by key, else counted whole; a column that moved drifted, one that did not has not', async () => {
    await add(
      'moved',
      csv(IDS, (id) => id % 50),
    )
    // ten are gone, ten are new, of all others the delay is another
    await add(
      'moved',
      csv([...IDS.slice(10), ...IDS.slice(0, 10).map((id) => id + 5000)], (id) => (id % 50) + 200, ',x'),
    )
    await profiled('moved', '1')
    await profiled('moved', '2')
    const byKey = await diff('moved', { to: '2', key: ['id'] })
    // every tenth row has no delay, and is as it was
    assert.deepEqual([byKey.changes.added, byKey.changes.removed, byKey.changes.changed], [10, 10, 891])
    assert.deepEqual(byKey.columns.added, [{ name: 'extra', type: 'text' }])
    const drift = Object.fromEntries(byKey.drift.map((one) => [one.column, one]))
    assert.deepEqual([drift['delay']?.drifted, drift['carrier']?.drifted, drift['delay']?.limit], [true, false, 0.25])
    assert.match(drift['zip']?.why ?? '', /a value of its own/)
    const whole = await diff('moved', { to: '2' })
    assert.deepEqual([whole.changes.added, whole.changes.removed, whole.changes.changed], [901, 901, null])
    assert.equal((await diff('moved', { to: '1' })).same, true)
    await assert.rejects(
      diff('moved', { to: '2', key: ['none'] }),
      /key: got none, expected columns of both: id, delay/,
    )
  })

  test('keys that are repeated are told, and their rows compared with nothing', async () => {
    await add('repeated', 'id,x\n1,a\n1,b\n2,c\n')
    await add('repeated', 'id,x\n1,a\n2,d\n2,e\n3,f\n')
    await profiled('repeated', '1')
    await profiled('repeated', '2')
    const { changes } = await diff('repeated', { to: '2', key: ['id'] })
    const { added, removed, changed, repeated_before, repeated_after } = changes
    assert.deepEqual([added, removed, changed, repeated_before, repeated_after], [1, 0, 1, 1, 1])
  })

  test('the same table as CSV and as parquet has the same rows and types', async () => {
    const columnData = [
      { name: 'id', data: [1, 2, 3], type: 'INT32' as const },
      { name: 'x', data: ['a', 'b', null], type: 'STRING' as const },
    ]
    await add('both', 'id,x\n1,a\n2,b\n3,\n')
    await add('both', new Uint8Array(parquetWriteBuffer({ columnData })))
    await profiled('both', '1')
    const { columns } = await profiled('both', '2')
    assert.deepEqual(columns.map(({ type, missing }) => [type, missing]), [['int', 0], ['text', 1]]) // prettier-ignore
    const { changes, same } = await diff('both', { to: '2', key: ['id'] })
    assert.deepEqual([same, changes.added, changes.removed, changes.changed], [false, 0, 0, 0])
  })

  test('what is no table says so, and is refused where rows are asked for', async () => {
    await add('odd', '{"a": 1}')
    const odd = await profiled('odd')
    assert.deepEqual([odd.state, odd.rows, odd.columns], ['unprofiled', null, []])
    assert.match(odd.reason, /no CSV and no parquet file/)
    await add('odd', 'a,a\n1,2\n')
    assert.match((await profiled('odd')).reason, /names the column "a" twice/)
    await assert.rejects(diff('odd', { to: '2' }), /odd@1 is no table/)
    await add('ragged', 'a,b\n1\n1,2,3\n')
    assert.match((await profiled('ragged')).reason, /^2 rows have more or fewer cells/)
  })

  test('bytes come back whole, and from any byte on', async () => {
    const text = csv(IDS, (id) => id / 10)
    const read = async (from: number): Promise<string> => {
      const params = { name: 'flights', version: '1' }
      return (await client.open(dataSetsApi.readDataFile, { params, query: { from } })).text()
    }
    assert.deepEqual([await read(0), await read(1000), await read(text.length)], [text, text.slice(1000), ''])
    await assert.rejects(read(text.length + 1), /from: got \d+, expected at most \d+, its size/)
  })

  test('what is damaged or gone is not compared, and what is stored again is', async () => {
    const [one, two] = ['id,v\n1,10\n2,20\n3,30\n', 'id,v\n1,10\n2,20\n3,31\n']
    for (const text of [one, two]) await add('damaged', text)
    for (const version of ['1', '2']) await profiled('damaged', version)
    const digest = createHash('sha256').update(two).digest('hex')
    const file = join(dataDir, 'blobs', digest.slice(0, 2), digest.slice(2))
    const compare = () => diff('damaged', { to: '2', key: ['id'] })
    chmodSync(file, 0o600)
    writeFileSync(file, two.replace('2,20', '2,99'))
    await assert.rejects(compare(), { code: 'corrupt_blob' })
    rmSync(file)
    await assert.rejects(compare(), { code: 'not_found' })
    await add('damaged', two)
    assert.deepEqual((await compare()).changes, {
      keys: ['id'],
      added: 0,
      removed: 0,
      changed: 1,
      repeated_before: 0,
      repeated_after: 0,
    })
  })

  test('another project sees nothing of it; a name of two projects has to be told apart', async () => {
    const token = await client.call(authApi.createToken, {
      body: { name: 'other', role: 'contributor', project: 'other' },
    })
    const other = createClient({ url: app.url, token: token.token })
    await assert.rejects(other.call(dataSetsApi.getDataSet, { params: { name: 'flights' } }), /does not exist/)
    assert.deepEqual((await other.call(dataSetsApi.listDataSets, {})).items, [])
    const tree = await upload({ 'rows.csv': 'a\n1\n' }, other)
    await other.call(dataSetsApi.addDataVersion, { body: { name: 'flights', tree } })
    await assert.rejects(
      client.call(dataSetsApi.getDataSet, { params: { name: 'flights' } }),
      /expected one of default, other, which all have/,
    )
    const params = { name: 'flights', version: '1' }
    await assert.rejects(
      other.call(dataSetsApi.removeDataVersion, { params, query: { force: 'true' } }),
      /role contributor may not remove by force/,
    )
    await assert.rejects(other.call(dataSetsApi.addDataVersion, { body: { name: 'x', tree, project: 'default' } }), /does not exist/) // prettier-ignore
  })

  test('a set without a tree, with two ways or an empty one is refused by field', async () => {
    const call = (body: object) => client.call(dataSetsApi.addDataVersion, { body: { name: 'x', ...body } })
    await assert.rejects(call({}), /tree: got nothing, expected either "tree" or "step"/)
    await assert.rejects(call({ tree: `sha256:${'0'.repeat(64)}` }), /tree "sha256:0+" does not exist/)
    await assert.rejects(call({ step: { run: 'none', step: 's', output: 'o' } }), /pipeline run "none" does not exist/)
  })
})
