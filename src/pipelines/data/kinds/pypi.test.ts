/** Sources that are files of packages, from an index of the test's own in whole runs. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { zipSync } from '../../../../test/images/zip.ts'
import { failure, pinned, serving, sourced, triedAgain } from '../sources.fixture.ts'

const DATA = {
  'flights_data/data/a.csv': 'x\n1\n',
  'flights_data/data/deep/b.csv': 'y\n',
  'flights_data/__init__.py': '',
}
const WHEEL = zipSync(DATA)
const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** An index with one package; `change` says what it lists in place of that. */
async function index(t: TestContext, change: { hash?: string; wheel?: Buffer; filename?: string } = {}) {
  const asked: string[] = []
  const wheel = change.wheel ?? WHEEL
  const { url, host } = await serving(t, (request, reply) => {
    asked.push(request.url ?? '')
    if (request.url === '/simple/flights-data/') {
      const filename = change.filename ?? 'Flights_Data-1.0-py3-none-any.whl'
      const file = {
        filename,
        url: '../../files/w.whl',
        hashes: { sha256: change.hash ?? sha(wheel) },
        'upload-time': '2026-02-03T10:00:00Z',
      }
      const others = ['flights_data-1.0.tar.gz', 'flights_data-1.0.1-py3-none-any.whl'].map((name) => ({
        ...file,
        filename: name,
        url: '/wrong',
      }))
      reply.end(JSON.stringify({ files: [...others, file] }))
    } else if (request.url === '/files/w.whl') reply.end(wheel)
    else reply.writeHead(404).end()
  })
  return { asked, index: `${url}/simple`, host }
}

const source = (files: string[], name = 'Flights.Data==1.0') => ({ pypi: { package: name, files } })

test('files and folders of the wheel of that version are given, held to the hash of the index, and read once', async (t) => {
  const { asked, ...at } = await index(t)
  const { run, got } = await sourced(t, at)
  const ended = await run({ ...source(['flights_data/data/a.csv']), table: 'csv' })
  assert.deepEqual(await got(ended), { '': 'x\n1\n' })
  const { version, data_at, rows, place } = pinned(ended)
  assert.deepEqual(
    [version, data_at, rows, place],
    [`Flights_Data-1.0-py3-none-any.whl sha256:${sha(WHEEL)}`, '2026-02-03T10:00:00.000Z', 1, 'Flights.Data==1.0'],
  )
  assert.equal(pinned(await run({ ...source(['flights_data/data/a.csv']), table: 'csv' })).unchanged, true)
  assert.deepEqual(
    asked.filter((url) => url.startsWith('/files')),
    ['/files/w.whl'],
  )
  assert.deepEqual(await got(await run(source(['flights_data/data/']))), {
    'flights_data/data/a.csv': 'x\n1\n',
    'flights_data/data/deep/b.csv': 'y\n',
  })
})

test('what is not there, and what cannot be opened, is told by name', async (t) => {
  const { run } = await sourced(t, await index(t))
  assert.match(
    failure(await run(source(['flights_data/none.csv']))),
    /py3-none-any\.whl has no "flights_data\/none\.csv"/,
  )
  assert.match(
    failure(await run(source(['a'], 'flights-data==2.0'))),
    /the package index has no wheel of flights-data==2\.0/,
  )
  assert.match(failure(await run(source(['a'], 'other==1.0'))), /asked for other: the server answered 404/)
  assert.match(failure(await run({ ...source(['flights_data/data']), limit: 5 })), /more than 5 bytes, its limit/)
  const broken = await sourced(t, await index(t, { wheel: Buffer.from('no zip') }))
  assert.match(failure(await broken.run(source(['a']))), /is no archive that can be read/)
})

test('a wheel that is not what the index says is never given', async (t) => {
  const now = Date.now()
  const { begin, bench } = await sourced(t, await index(t, { hash: 'a'.repeat(64) }), { clock: () => now })
  const id = await begin(source(['flights_data/data']))
  assert.match(await triedAgain(bench, id), /is not what the index says: its hash is/)
  await bench.store.db.tx((tx) => tx.run("UPDATE pipeline_runs SET desired_state = 'cancel' WHERE id = ?", [id]))
  bench.room.wake(id)
  assert.equal((await bench.end(id)).state, 'cancelled')
})
