/** Sources that are files of packages, from an index of the test's own in whole runs. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { crc32, deflateRawSync, gzipSync } from 'node:zlib'
import { zipSync } from '../../../../test/images/zip.ts'
import { writeArchive } from '../../../store/blobs/archive.ts'
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
      const others = ['flights_data-1.0.zip', 'flights_data-1.0.1-py3-none-any.whl'].map((name) => ({
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
    /the package index has no wheel and no \.tar\.gz of flights-data==2\.0/,
  )
  assert.match(failure(await run(source(['a'], 'other==1.0'))), /asked for other: the server answered 404/)
  assert.match(failure(await run({ ...source(['flights_data/data']), limit: 5 })), /more than 5 bytes, its limit/)
  const broken = await sourced(t, await index(t, { wheel: Buffer.from('no zip') }))
  assert.match(failure(await broken.run(source(['a']))), /is no archive that can be read/)
})

/** A wheel that has its tables in archives, as some have. */
const PACKED = zipSync({
  'flights_data/data/a.csv.zip': zipSync({ 'a.csv': 'x\n1\n2\n', 'deep/b.csv': 'y\n' }),
  'flights_data/data/c.csv': 'z\n',
  'flights_data/data/broken.zip': 'no zip',
})
const ARCHIVE = 'flights_data/data/a.csv.zip'

test('a path goes into a zip archive of the wheel: one file, a folder, or all of it', async (t) => {
  const { run, got } = await sourced(t, await index(t, { wheel: PACKED }))
  const one = await run({ ...source([`${ARCHIVE}/a.csv`]), table: 'csv' })
  assert.deepEqual([await got(one), pinned(one).rows], [{ '': 'x\n1\n2\n' }, 2])
  assert.deepEqual(await got(await run(source([`${ARCHIVE}/deep`]))), { [`${ARCHIVE}/deep/b.csv`]: 'y\n' })
  assert.deepEqual(await got(await run(source([`${ARCHIVE}/`, 'flights_data/data/c.csv']))), {
    [`${ARCHIVE}/a.csv`]: 'x\n1\n2\n',
    [`${ARCHIVE}/deep/b.csv`]: 'y\n',
    'flights_data/data/c.csv': 'z\n',
  })
})

test('the archive itself is still given as it is, and never beside what lies in it', async (t) => {
  const { run, got } = await sourced(t, await index(t, { wheel: PACKED }))
  assert.deepEqual(Object.keys(await got(await run(source([ARCHIVE])))), [''])
  assert.match(
    failure(await run(source([`${ARCHIVE}/a.csv`, 'flights_data/data']))),
    /"flights_data\/data\/a\.csv\.zip" and "flights_data\/data\/a\.csv\.zip\/a\.csv" cannot both be given/,
  )
})

test('what an archive lacks is told with what it has, and its files count as what they unpack to', async (t) => {
  const { run } = await sourced(t, await index(t, { wheel: PACKED }))
  assert.match(
    failure(await run(source([`${ARCHIVE}/flights.csv`]))),
    /"flights_data\/data\/a\.csv\.zip" in Flights_Data-1\.0-py3-none-any\.whl has no "flights\.csv"; it has "a\.csv", "deep\/b\.csv"/,
  )
  assert.match(
    failure(await run(source(['flights_data/data/broken.zip/a.csv']))),
    /"flights_data\/data\/broken\.zip" in .*\.whl is no archive that can be read: it has no directory/,
  )
  assert.match(failure(await run(source(['flights_data/data/c.csv/a']))), /has no "flights_data\/data\/c\.csv\/a"/)
  assert.match(failure(await run({ ...source([`${ARCHIVE}/a.csv`]), limit: 5 })), /more than 5 bytes, its limit/)
})

/** The sizes of the one member of a zip, as `say` has them in both of its headers. */
function saying(zip: Buffer, say: number): Buffer {
  const copy = Buffer.from(zip)
  copy.writeUInt32LE(say, 22)
  copy.writeUInt32LE(say, copy.lastIndexOf('PK\x01\x02', undefined, 'latin1') + 24)
  return copy
}

test('an archive that says less than it unpacks to is refused, and so is one that says more than is opened', async (t) => {
  const bomb = saying(deflated('a.csv', Buffer.alloc(1_000_000)), 100)
  const small = await sourced(t, await index(t, { wheel: zipSync({ 'd/a.zip': bomb }) }))
  assert.match(
    failure(await small.run({ ...source(['d/a.zip/a.csv']), limit: 1000 })),
    /"a\.csv" in "d\/a\.zip" in .*\.whl is no archive that can be read: it does not unpack to what the directory says/,
  )
  const wheel = saying(zipSync({ 'd/a.zip': zipSync({ 'a.csv': 'x' }) }), 2 ** 30)
  const large = await sourced(t, await index(t, { wheel }))
  assert.match(
    failure(await large.run(source(['d/a.zip/a.csv']))),
    /"d\/a\.zip" in .*\.whl is 1073741824 bytes; archives in a package are opened up to 536870912 bytes together/,
  )
})

/** A zip of one member that is packed. */
function deflated(name: string, content: Buffer): Buffer {
  const packed = deflateRawSync(content)
  const zip = zipSync({ [name]: packed })
  const central = zip.lastIndexOf('PK\x01\x02', undefined, 'latin1')
  for (const [at, from] of [
    [8, 14],
    [central + 10, central + 16],
  ] as const) {
    zip.writeUInt16LE(8, at)
    zip.writeUInt32LE(crc32(content), from)
  }
  return saying(zip, content.length)
}

/** The archive of a source, as `python setup.py sdist` makes it. */
async function sourceArchive(files: Readonly<Record<string, Uint8Array>>): Promise<Buffer> {
  const packed = Object.entries(files).map(([path, content]) => ({
    path: `flights-data-1.0/${path}`,
    size: content.length,
    executable: false,
    source: () => Readable.from([content]),
  }))
  const parts: Uint8Array[] = []
  for await (const part of writeArchive(packed)) parts.push(part)
  return gzipSync(Buffer.concat(parts))
}

test('a package without a wheel is read from the archive of its source, by the paths that a wheel has', async (t) => {
  const wheel = await sourceArchive({ 'setup.py': Buffer.from(''), [ARCHIVE]: zipSync({ 'a.csv': 'x\n1\n' }) })
  const { run, got } = await sourced(t, await index(t, { wheel, filename: 'flights_data-1.0.tar.gz' }))
  const ended = await run({ ...source([`${ARCHIVE}/a.csv`]), table: 'csv' })
  assert.deepEqual(await got(ended), { '': 'x\n1\n' })
  assert.equal(pinned(ended).version, `flights_data-1.0.tar.gz sha256:${sha(wheel)}`)
  const cut = await index(t, { wheel: wheel.subarray(0, -30), filename: 'flights.data-1.0.tar.gz' })
  const broken = await sourced(t, cut)
  assert.match(
    failure(await broken.run(source([ARCHIVE]))),
    /flights\.data-1\.0\.tar\.gz is no archive that can be read: unexpected end of file/,
  )
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
