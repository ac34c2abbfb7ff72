/** Files, folders and tables as declared sources of whole runs: what a step gets, what a run says of it, and what is refused. */
import assert from 'node:assert/strict'
import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { treeFiles } from '../../store/blobs/trees.ts'
import { failure, files, pinned, settle, settledFile, sourced } from './sources.fixture.ts'

describe('files', () => {
  test('a step gets the file; the run says where it is, its digest, its rows and its age', async (t) => {
    const { folder, run, got, bench } = await sourced(t)
    const path = join(folder, 'a.csv')
    writeFileSync(path, 'x,y\n1,"two\nlines"\n\n3,4\n')
    settle(path)
    const ended = await run({ file: path, table: 'csv' })
    assert.deepEqual(await got(ended), { '': 'x,y\n1,"two\nlines"\n\n3,4\n' })
    const { name, kind, place, rows, size, files: count, unchanged, data_at, stale, version } = pinned(ended)
    assert.deepEqual(
      { name, kind, place, rows, size, count, unchanged, stale, version },
      {
        name: 'given',
        kind: 'file',
        place: path,
        rows: 2,
        size: 23,
        count: 1,
        unchanged: false,
        stale: null,
        version: null,
      },
    )
    assert.equal(Date.parse(data_at ?? ''), Number(statSync(path, { bigint: true }).mtimeMs))
    assert.deepEqual(bench.errors, [])
  })

  test('what did not change is read again where a file of it is known to be damaged or gone', async (t) => {
    const { folder, run, bench } = await sourced(t)
    const place = { file: await settledFile(folder, 'one') }
    const first = await run(place)
    const { blobs } = bench.store
    const known = new Set<string>()
    Object.assign(blobs, { faulty: () => Promise.resolve(known) })
    assert.equal(pinned(await run(place)).unchanged, true)
    for (const { digest } of await treeFiles(blobs, pinned(first).digest)) known.add(digest)
    assert.equal(pinned(await run(place)).unchanged, false)
  })

  test('what did not change is not read again and hits the cache; other bytes with the old size and time are read', async (t) => {
    const { folder, run, got } = await sourced(t)
    const path = await settledFile(folder, 'one')
    const first = await run({ file: path })
    const again = await run({ file: path })
    assert.deepEqual([pinned(first).unchanged, pinned(again).unchanged], [false, true])
    assert.equal(again.steps[0]?.state, 'cached')
    writeFileSync(path, 'two')
    settle(path)
    const changed = await run({ file: path })
    assert.equal(pinned(changed).unchanged, false)
    assert.equal(changed.steps[0]?.state, 'succeeded')
    assert.match(changed.steps[0]?.cache?.reason ?? '', /given/)
    assert.deepEqual(await got(changed), { '': 'two' })
    // written twice within one step of the clock: nothing but its bytes tells
    writeFileSync(path, 'ten')
    settle(path)
    assert.deepEqual(await got(await run({ file: path })), { '': 'ten' })
  })

  test('a folder keeps its paths; one without files, with a link, or with too much is refused by name', async (t) => {
    const { folder, run, got } = await sourced(t)
    const path = join(folder, 'raw')
    mkdirSync(join(path, 'deep'), { recursive: true })
    assert.match(failure(await run({ file: path })), /source "given": the folder .*raw has no files/)
    writeFileSync(join(path, 'deep', 'b'), 'b')
    writeFileSync(join(path, 'a'), 'a')
    assert.deepEqual(await got(await run({ file: path })), { a: 'a', 'deep/b': 'b' })
    assert.match(failure(await run({ file: path, limit: 1 })), /more than 1 bytes, its limit/)
    symlinkSync('/etc/passwd', join(path, 'c'))
    assert.match(failure(await run({ file: path })), /"c" in .* is a link or a special file/)
  })

  test('a name that is no UTF-8 is told as that, and not as a change', async (t) => {
    const { folder, run } = await sourced(t)
    writeFileSync(Buffer.from(`${folder}/\xff`, 'latin1'), 'x')
    assert.match(failure(await run({ file: folder })), /"\ufffd" in .* has a name that is no UTF-8/)
  })

  test('the steps that take a source carry its fault, and no other step does', async (t) => {
    const { folder, bench } = await sourced(t)
    writeFileSync(join(folder, 'a'), 'a')
    const given = files({ file: join(folder, 'a') })
    const copy = (from: string) => ({ run: 'steps:copy', inputs: { given: from }, outputs: ['out'] })
    const project = {
      project: 'sourced',
      sources: { there: { file: join(folder, 'a') }, gone: { file: join(folder, 'gone') } },
      pipeline: {
        steps: {
          bare: { run: ['true'] },
          one: copy('sources.there'),
          two: copy('sources.gone'),
          three: { ...copy('sources.gone'), after: ['bare'] },
          after: copy('two.out'),
        },
      },
    }
    const run = await bench.end(await bench.begin({ ...given, 'slipway.yaml': JSON.stringify(project) }))
    assert.deepEqual(
      Object.fromEntries(run.steps.map(({ name, state, failure: why }) => [name, [state, why?.class ?? null]])),
      {
        bare: ['skipped', null],
        one: ['skipped', null],
        two: ['failed', 'user'],
        three: ['failed', 'user'],
        after: ['skipped', null],
      },
    )
    assert.equal(run.state, 'failed')
    const bare = run.steps.find(({ name }) => name === 'bare')
    assert.match(JSON.stringify(bare), /the run could not begin: source .{1,2}gone.{1,2} could not be read/)
  })

  test('only folders that the operator names are read, links out of them and the data folder are not', async (t) => {
    const { folder, run } = await sourced(t)
    symlinkSync('/etc', join(folder, 'out'))
    assert.match(failure(await run({ file: join(folder, 'out/passwd') })), /not below a folder .*a link leads out/)
    for (const path of ['/etc/passwd', '/etc/no-such-file', `${folder}-beside/x`])
      assert.match(
        failure(await run({ file: path })),
        /is not below a folder from which sources may be read: the server reads below/,
      )
    assert.match(failure(await run({ file: join(folder, 'gone') })), /there is no file or folder .*gone/)
    const none = await sourced(t, { folders: [] })
    assert.match(failure(await none.run({ file: '/etc/passwd' })), /SLIPWAY_SOURCE_FOLDERS of the server names none/)
  })

  test('the data folder of the server is no source, also where it lies below a named folder', async (t) => {
    const { bench, run } = await sourced(t, { folders: ['/tmp'] })
    const { dataDir } = bench.store
    for (const path of [dataDir, dirname(dataDir), join(dataDir, 'blobs')])
      assert.match(failure(await run({ file: path })), /data folder of the server/)
  })
})

describe('tables', () => {
  test('parquet files are counted, and refused where they are none or differ in their columns', async (t) => {
    const { folder, run } = await sourced(t)
    const path = join(folder, 'table')
    mkdirSync(path)
    const write = (name: string, columns: Parameters<typeof parquetWriteBuffer>[0]['columnData']): void =>
      writeFileSync(join(path, name), Buffer.from(parquetWriteBuffer({ columnData: columns })))
    write('a.parquet', [{ name: 'x', data: [1, 2, 3], type: 'INT32' }])
    write('b.parquet', [{ name: 'x', data: [4], type: 'INT32' }])
    writeFileSync(join(path, '_SUCCESS'), '')
    assert.equal(pinned(await run({ file: path, table: 'parquet' })).rows, 4)
    write('c.parquet', [{ name: 'y', data: ['4'], type: 'STRING' }])
    assert.match(
      failure(await run({ file: path, table: 'parquet' })),
      /"c.parquet" has other columns \(y .*\) than "a.parquet" \(x INT32\)/,
    )
    writeFileSync(join(path, 'c.parquet'), 'not a table')
    assert.match(failure(await run({ file: path, table: 'parquet' })), /"c.parquet" is no parquet file/)
  })
})
