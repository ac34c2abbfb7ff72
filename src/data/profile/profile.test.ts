/** Profiles of tables in files of their own: what counts as missing, what is refused, and what wide tables and long texts take. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { onThread } from '../../jobs/thread.ts'
import { profileTable } from './profile.ts'
import { openTable, type TableFile } from './table.ts'
import type { ProfiledApart } from './thread.ts'

describe('profiles', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-profiles-'))
  after(() => rmSync(folder, { recursive: true, force: true }))

  function file(name: string, content: string | Uint8Array): TableFile {
    const path = join(folder, name)
    writeFileSync(path, content)
    return { path, name, format: name.endsWith('.csv') ? 'csv' : 'parquet' }
  }
  const profiled = async (name: string, content: string | Uint8Array) =>
    profileTable(await openTable([file(name, content)]))

  test('NaN is missing among numbers, and a text among texts', async () => {
    const { columns } = await profiled('nan.csv', 'x,who\n1,NaN\nnan,Ann\n,NaN\n3,\n')
    const [x, who] = columns
    assert.deepEqual([x?.type, x?.count, x?.missing, x?.distinct, x?.mean], ['float', 2, 2, 2, 2])
    assert.deepEqual([who?.type, who?.count, who?.missing, who?.distinct], ['text', 3, 1, 2])
    const data = [1.5, Number.NaN, null, 2.5]
    const bytes = parquetWriteBuffer({ columnData: [{ name: 'x', data, type: 'DOUBLE' }] })
    const [y] = (await profiled('nan.parquet', new Uint8Array(bytes))).columns
    assert.deepEqual([y?.count, y?.missing, y?.distinct, y?.mean], [2, 2, 2, 2])
  })

  test('names that objects have of themselves are columns like others', async () => {
    const names = ['__proto__', 'constructor', 'toString', 'a b', 'ü"']
    const columnData = names.map((name, i) => ({ name, data: [i, i + 1], type: 'INT32' as const }))
    const { columns } = await profiled('names.parquet', new Uint8Array(parquetWriteBuffer({ columnData })))
    assert.deepEqual(
      columns.map(({ name, min, max }) => [name, min, max]),
      names.map((name, i) => [name, i, i + 1]),
    )
  })

  test('a table that programs would read differently is refused by its line', async () => {
    const cases: readonly [string, string | Uint8Array, RegExp][] = [
      ['mac.csv', 'a,b\r1,2\r3,4\r', /line 1 has a carriage return alone/],
      ['mixed.csv', 'a,b\n1,2\r3,4\n', /line 2 has a carriage return alone/],
      ['latin.csv', Buffer.from('name\nJos\xe9\n', 'latin1'), /line 2 is not UTF-8/],
      ['wide.csv', Buffer.from('\ufeffa,b\n1,2\n', 'utf16le'), /line 1 is not UTF-8/],
      ['twice.csv', 'a,a\n1,2\n', /names the column "a" twice/],
      ['open.csv', 'a\n"1\n2\n', /line 2 has a stray quote/],
    ]
    for (const [name, content, expected] of cases) await assert.rejects(profiled(name, content), expected)
    const { rows, columns } = await profiled('fine.csv', '\ufeffa,b\r\n"1\r2",\ufffd\r\n\r\n')
    assert.deepEqual([rows, columns.map(({ name }) => name)], [1, ['a', 'b']])
  })

  test('what is held does not grow with long texts', async () => {
    const text = `a,b\n${`${'x'.repeat(200_000)},${'y'.repeat(20)}\n`.repeat(300)}`
    const thread = new URL('./thread.ts', import.meta.url)
    const bounds = { ms: 100_000, heap: 48 }
    const task = [file('letters.csv', text)]
    const { refused, profiled } = await onThread<ProfiledApart>({ file: thread, task, what: 'profiles', bounds })
    assert.deepEqual([refused, profiled?.rows, profiled?.columns[0]?.distinct], [undefined, 300, 1])
  })
})
