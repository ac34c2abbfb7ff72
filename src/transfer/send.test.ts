/** Imports that break at any of their calls, before or after the server did what it was asked: once begun again, the result is the same. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import type { Client } from '../client/client.ts'
import { transferApi } from '../contract/transfer.ts'
import type { Row } from '../store/db.ts'
import { sendBytes, sendSource } from './send.ts'
import type { Part, Report, Source } from './send.ts'

interface Asked {
  readonly params?: { readonly table?: string }
  readonly query?: { readonly digest?: string }
  readonly body?: unknown
}

interface WriteBody {
  readonly rows: readonly Row[]
  readonly dry_run: boolean
  readonly import_id?: string
  readonly follow: boolean
}

const sha = (bytes: Uint8Array | string): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** A server of imports in memory: rows that are there are the same, blobs are kept by their content, parts are remembered. */
class Receiver {
  readonly rows = new Map<string, string[]>()
  readonly blobs = new Map<string, string>()
  readonly parts: string[] = []
  readonly batches: { readonly table: string; readonly rows: number; readonly bytes: number }[] = []
  done = false
  begun = false
  calls = 0
  /** The call that breaks, counted from 1, and whether the server had done it by then. */
  breaks: { readonly at: number; readonly after: boolean } | undefined

  readonly client = {
    url: 'http://receiver',
    call: async (route: unknown, asked: Asked) => {
      const breaks = ++this.calls === this.breaks?.at
      if (breaks && !this.breaks?.after) throw new Error('the connection broke')
      const reply = await this.#answer(route, asked)
      if (breaks) throw new Error('the connection broke')
      return reply
    },
    open: () => Promise.reject(new Error('nothing is opened')),
  } as unknown as Client

  async #answer(route: unknown, { params, query, body }: Asked): Promise<unknown> {
    if (route === transferApi.begin) {
      this.begun = true
      return { import: { id: 'i1' }, parts: [...this.parts] }
    }
    if (route === transferApi.list) return { items: [] }
    if (route === transferApi.putBlob) return this.#keep(body as ReadableStream<Uint8Array>, query?.digest)
    if (route === transferApi.write) return this.#write(params?.table ?? '', body as WriteBody)
    assert.equal(route, transferApi.parts)
    const { parts, done = false } = body as { parts: string[]; done?: boolean }
    this.parts.push(...parts)
    this.done ||= done
    return {}
  }

  async #keep(body: ReadableStream<Uint8Array>, wanted: string | undefined): Promise<unknown> {
    const chunks: Uint8Array[] = []
    for await (const chunk of body) chunks.push(chunk)
    const bytes = Buffer.concat(chunks)
    const digest = sha(bytes)
    assert.ok(wanted === undefined || wanted === digest)
    this.blobs.set(digest, bytes.toString())
    return { digest, size: bytes.length }
  }

  #write(table: string, { rows, dry_run }: WriteBody): unknown {
    const texts = rows.map((row) => JSON.stringify(row))
    this.batches.push({ table, rows: rows.length, bytes: texts.join('').length })
    const here = this.rows.get(table) ?? []
    const added = texts.filter((text) => !here.includes(text))
    for (const row of rows)
      if (table === 'artifacts' && !dry_run)
        assert.ok(this.blobs.has(String(row['digest'])), 'bytes are there before their row')
    if (!dry_run) this.rows.set(table, [...here, ...added])
    return { added: added.length, same: rows.length - added.length, changed: 0, kept: [] }
  }

  /** What an import leaves. */
  state(): unknown {
    const sorted = [...this.rows].map(([table, rows]) => [table, rows.toSorted()] as const)
    return {
      rows: Object.fromEntries(sorted),
      blobs: Object.fromEntries(this.blobs),
      parts: this.parts.toSorted(),
      done: this.done,
    }
  }
}

interface PartOf {
  readonly name: string
  readonly files?: Readonly<Record<string, string>>
  readonly rows: readonly (readonly [table: string, rows: readonly Row[]])[]
}

function source(parts: readonly PartOf[], opened: string[] = []): Source {
  return {
    kind: 'mlflow',
    place: 'sqlite:///a.db',
    notes: ['read with care'],
    async *parts() {
      for (const { name, files = {}, rows } of parts) {
        const part: Part = {
          name,
          files: () =>
            Object.entries(files).map(([path, text]) => ({
              owner: `1/${name}`,
              path,
              updated_at: 5,
              async *open() {
                opened.push(`${name}:${path}`)
                yield Buffer.from(text.slice(0, 3))
                yield Buffer.from(text.slice(3))
              },
            })),
          async *rows() {
            yield* rows
          },
        }
        yield part
      }
    },
  }
}

const PARTS: readonly PartOf[] = [
  { name: 'experiments', rows: [['experiments', [{ id: '1' }, { id: '2' }]]] },
  {
    name: 'run-1',
    files: { 'model/a.bin': 'aaaa', 'notes.txt': 'hello', empty: '' },
    rows: [
      ['runs', [{ id: 'r1' }]],
      [
        'metrics',
        [
          { run: 'r1', value: 1 },
          { run: 'r1', value: 2 },
        ],
      ],
    ],
  },
  { name: 'run-2', rows: [['runs', [{ id: 'r2' }]]] },
  { name: 'empty', rows: [] },
]

function send(receiver: Receiver, from: Source, dryRun = false): Promise<Report> {
  return sendSource(receiver.client, from, { dryRun, progress: () => undefined })
}

describe('an import', () => {
  it('sends every file and row, and tells what it came to', async () => {
    const receiver = new Receiver()
    const { tables, files, bytes, parts, parts_before, notes, import_id } = await send(receiver, source(PARTS))
    const count = (added: number): object => ({ added, same: 0, changed: 0 })
    assert.deepEqual(tables, { experiments: count(2), artifacts: count(3), runs: count(2), metrics: count(2) })
    assert.deepEqual(
      { files, bytes, parts, parts_before, notes, import_id },
      {
        files: 3,
        bytes: 9,
        parts: 4,
        parts_before: 0,
        notes: ['read with care'],
        import_id: 'i1',
      },
    )
    assert.deepEqual([...receiver.blobs.values()].toSorted(), ['', 'aaaa', 'hello'])
    assert.deepEqual(
      receiver.rows.get('artifacts')?.map((row) => JSON.parse(row) as unknown),
      Object.entries(PARTS[1]?.files ?? {}).map(([path, text]) => ({
        owner: '1/run-1',
        path,
        digest: sha(text),
        size: text.length,
        updated_at: 5,
      })),
    )
    assert.ok(receiver.done)
  })

  it('that breaks at any call leaves the same once it is begun again', async () => {
    const unbroken = new Receiver()
    await send(unbroken, source(PARTS))
    assert.ok(unbroken.calls > 12)
    for (const isAfter of [false, true])
      for (let at = 1; at <= unbroken.calls; at++) {
        const receiver = new Receiver()
        receiver.breaks = { at, after: isAfter }
        await assert.rejects(send(receiver, source(PARTS)), /the connection broke/)
        if (at < unbroken.calls) assert.equal(receiver.done, false, `done although it broke at call ${at}`)
        const before = [...receiver.parts]
        const opened: string[] = []
        const report = await send(receiver, source(PARTS, opened))
        const state = receiver.state()
        assert.deepEqual(state, unbroken.state(), `broken ${isAfter ? 'after' : 'before'} call ${at}`)
        assert.equal(report.parts_before, before.length)
        assert.equal(report.parts, PARTS.length)
        if (before.includes('run-1')) assert.deepEqual(opened, [], 'files of a part that is there are read again')
      }
  })

  it('that breaks more than once goes on each time', async () => {
    const unbroken = new Receiver()
    await send(unbroken, source(PARTS))
    const receiver = new Receiver()
    let attempts = 1
    for (;;) {
      receiver.calls = 0
      receiver.breaks = { at: 9, after: false }
      const ended = await send(receiver, source(PARTS)).then(
        () => true,
        () => false,
      )
      if (ended) break
      assert.ok(++attempts < 10, 'it comes no nearer to its end')
    }
    assert.ok(attempts > 1)
    assert.deepEqual(receiver.state(), unbroken.state())
  })

  it('that is only tried changes nothing and counts the same', async () => {
    const [tried, done] = [new Receiver(), new Receiver()]
    const opened: string[] = []
    const dry = await send(tried, source(PARTS, opened), true)
    const real = await send(done, source(PARTS))
    assert.deepEqual([tried.rows.size, tried.blobs.size, tried.parts, tried.begun], [0, 0, [], false])
    assert.deepEqual(opened, [])
    assert.deepEqual([dry.import_id, dry.dry_run, dry.parts, dry.files], [null, true, real.parts, real.files])
    const { artifacts: _artifacts, ...tables } = real.tables
    assert.deepEqual(dry.tables, tables)
  })

  it('sends at most a thousand rows at once, and no empty batch', async () => {
    const receiver = new Receiver()
    const rows = Array.from({ length: 2001 }, (_, i) => ({ id: String(i) }))
    await send(
      receiver,
      source([
        {
          name: 'p',
          rows: [
            ['runs', rows],
            ['tags', []],
          ],
        },
      ]),
    )
    assert.deepEqual(
      receiver.batches.map((batch) => [batch.table, batch.rows]),
      [
        ['runs', 1000],
        ['runs', 1000],
        ['runs', 1],
      ],
    )
    assert.equal(receiver.rows.get('runs')?.length, 2001)
  })

  it('sends at most four MiB of rows at once unless one row is larger', async () => {
    const receiver = new Receiver()
    const limit = 4 * 1024 * 1024
    const row = (id: number, length: number): Row => ({ id, text: 'x'.repeat(length) })
    await send(
      receiver,
      source([
        {
          name: 'p',
          rows: [['spans', [row(1, limit / 2), row(2, limit / 2), row(3, limit + 1), row(4, 1), row(5, 1), row(6, 1)]]],
        },
      ]),
    )
    assert.deepEqual(
      receiver.batches.map((batch) => batch.rows),
      [1, 1, 1, 3],
    )
    assert.equal(receiver.batches.filter((batch) => batch.bytes > limit).length, 1)
  })

  for (const path of ['../up', 'a/../../b', 'a\0b'])
    it(`leaves out the file ${JSON.stringify(path)} and says so`, async () => {
      const receiver = new Receiver()
      const opened: string[] = []
      const parts = [{ name: 'p', files: { [path]: 'no', good: 'yes' }, rows: [] }]
      const { files, notes } = await send(receiver, source(parts, opened))
      assert.deepEqual([files, opened], [1, ['p:good']])
      assert.equal(notes[0], `1/p: the file ${JSON.stringify(path)} is left out, since no artifact may be called so`)
    })

  it('trusts no server that kept other bytes', async () => {
    const client = { call: async () => ({ digest: sha('other'), size: 3 }) } as unknown as Client
    const bytes = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('abc')
    }
    await assert.rejects(sendBytes(client, bytes()), { code: 'unprocessable', message: /the server kept/ })
  })
})
