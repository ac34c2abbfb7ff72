/** Logs of attempts: read whole, followed from any byte, cut at whole characters, from the driver and from the store. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { openIdle, type Idle } from './run/idle.fixture.ts'
import type { LogPart } from '../contract/pipelines/logs.ts'
import { readUnit } from './context/units.ts'
import { logPart } from './log-part.ts'
import { followLog, parsePosition, readLog, type LogPosition } from './logs.ts'

const FILES = {
  'slipway.yaml': 'project: talk\npipeline: {steps: {talk: {run: talk:main}, other: {run: talk:main}}}\n',
  'talk.py': 'def main(): pass\n',
}

interface Followed {
  /** Text of each event, with the attempt that it is of. */
  readonly pieces: { attempt: number; offset: number; text: string; id: string }[]
  readonly end: LogPosition
}

interface Asked {
  readonly only?: number
  readonly from?: LogPosition
  readonly step?: string
  readonly signal?: AbortSignal
  /** Called with each piece of text. */
  readonly each?: (text: string) => Promise<void> | void
}

async function follow(idle: Idle, runId: string, asked: Asked = {}): Promise<Followed> {
  const where = { runId, step: asked.step ?? 'talk', only: asked.only }
  const pieces: Followed['pieces'] = []
  const signal = asked.signal ?? AbortSignal.timeout(120_000)
  for await (const event of followLog(idle.context, where, asked.from, signal)) {
    if (event.event === 'end') {
      assert.ok(asked.signal !== undefined || !signal.aborted, 'it ends by itself')
      return { pieces, end: event.data as LogPosition }
    }
    const data = event.data as { attempt: number; offset: number; text: string }
    pieces.push({ ...data, id: event.id ?? '' })
    await asked.each?.(data.text)
  }
  return assert.fail('it said no end')
}

function whole({ pieces }: Followed): string {
  return pieces.map((piece) => piece.text).join('')
}

/** A run whose step has ended with attempts that left these logs in the store. */
async function ended(t: TestContext, logs: readonly (string | Uint8Array)[]): Promise<{ idle: Idle; run: string }> {
  const idle = await openIdle(t)
  const run = await idle.begin(FILES)
  for (const [i, text] of logs.entries()) {
    const { digest, size } = await idle.store.blobs.put(Buffer.from(text))
    await idle.attempt(run, 'talk', i + 1, { state: 'failed', log_digest: digest, log_bytes: size })
  }
  await idle.setStep(run, 'talk', { state: 'failed' })
  return { idle, run }
}

test('a position is two whole numbers with a colon, and nothing else', () => {
  assert.deepEqual(parsePosition('2:1500'), { attempt: 2, offset: 1500 })
  assert.deepEqual(parsePosition('999999999:999999999999999'), { attempt: 999999999, offset: 999999999999999 })
  const wrong = ['', '2', '2:', ':5', '-1:5', '2:1.5', ' 2:5', '2:5 ', '2:5:1', '1000000000:1', '1:1000000000000000']
  for (const text of [...wrong, undefined, 2, null]) assert.equal(parsePosition(text), undefined, String(text))
})

describe('characters', () => {
  for (const character of ['é', '€', '🚢']) {
    test(`${Buffer.byteLength(character)} bytes of a character are never cut, and each id is a place to go on`, async (t) => {
      // the first boundary of 64 KiB falls on each byte of the character in turn
      for (let shift = 0; shift < Buffer.byteLength(character); shift++) {
        const text = 'a'.repeat(65_536 - shift) + character + 'tail\n'
        const { idle, run } = await ended(t, [text])
        const all = await follow(idle, run)
        assert.equal(whole(all), text)
        assert.equal(all.pieces.length, 2)
        assert.deepEqual(all.end, { attempt: 1, offset: Buffer.byteLength(text) })
        const [first] = all.pieces
        assert.equal(first?.offset, 0)
        assert.equal(first?.id, `1:${Buffer.byteLength(first?.text ?? '')}`)
        const rest = await follow(idle, run, { from: parsePosition(first?.id) ?? { attempt: 0, offset: 0 } })
        assert.equal(whole(rest), text.slice(first?.text.length))
      }
    })
  }
  const torn: [string, number[], string][] = [
    ['half a character at the end', [97, 0xe2, 0x82], 'a\ufffd'],
    ['a lead byte alone', [0xf0], '\ufffd'],
    ['bytes that continue nothing', [0x80, 0x80, 0x80, 0x80, 0x80], '\ufffd'.repeat(5)],
    ['a text in latin-1', [...Buffer.from('fa\xe7ade', 'latin1')], 'fa\ufffdade'],
  ]
  for (const [name, bytes, text] of torn) {
    test(`${name} is told and does not hold up the end`, async (t) => {
      const { idle, run } = await ended(t, [Uint8Array.from(bytes)])
      const all = await follow(idle, run)
      assert.equal(whole(all), text)
      assert.deepEqual(all.end, { attempt: 1, offset: bytes.length })
    })
  }
})

describe('several attempts', () => {
  test('one after the other, each from its beginning', async (t) => {
    const { idle, run } = await ended(t, ['one\n', 'two\n', 'three\n'])
    const all = await follow(idle, run)
    assert.deepEqual(
      all.pieces.map(({ attempt, offset, text, id }) => [attempt, offset, text, id]),
      [
        [1, 0, 'one\n', '1:4'],
        [2, 0, 'two\n', '2:4'],
        [3, 0, 'three\n', '3:6'],
      ],
    )
    assert.deepEqual(all.end, { attempt: 3, offset: 6 })
    assert.equal(whole(await follow(idle, run, { from: { attempt: 2, offset: 1 } })), 'wo\nthree\n')
    assert.equal(whole(await follow(idle, run, { from: { attempt: 3, offset: 6 } })), '')
  })
  test('one alone where it is asked for; a position in another attempt does not count', async (t) => {
    const { idle, run } = await ended(t, ['one\n', 'two\n'])
    assert.equal(whole(await follow(idle, run, { only: 1 })), 'one\n')
    assert.equal(whole(await follow(idle, run, { only: 2, from: { attempt: 1, offset: 3 } })), 'two\n')
    assert.equal(whole(await follow(idle, run, { only: 2, from: { attempt: 2, offset: 3 } })), '\n')
    assert.equal(whole(await follow(idle, run, { only: 9 })), '')
  })
  test('one without a log is passed over', async (t) => {
    const { idle, run } = await ended(t, ['one\n'])
    await idle.attempt(run, 'talk', 2, { state: 'lost' })
    await idle.attempt(run, 'talk', 3, { state: 'failed' })
    assert.equal(whole(await follow(idle, run)), 'one\n')
  })
  test('those of another step and of another run are not read', async (t) => {
    const { idle, run } = await ended(t, ['mine\n'])
    const other = await idle.begin(FILES, { id: 'pr_other' })
    idle.live.set(await idle.attempt(other, 'talk', 1), Buffer.from('other run\n'))
    idle.live.set(await idle.attempt(run, 'other', 2), Buffer.from('other step\n'))
    assert.equal(whole(await follow(idle, run)), 'mine\n')
  })
})

describe('what has no log ends at once', () => {
  for (const state of ['cached', 'skipped', 'cancelled']) {
    test(`a step that is ${state}`, async (t) => {
      const idle = await openIdle(t)
      const run = await idle.begin(FILES)
      await idle.setStep(run, 'talk', { state })
      assert.deepEqual(await follow(idle, run), { pieces: [], end: { attempt: 1, offset: 0 } })
    })
  }
  test('a step and a run that are not there', async (t) => {
    const { idle, run } = await ended(t, ['text\n'])
    assert.deepEqual((await follow(idle, run, { step: 'gone' })).pieces, [])
    assert.deepEqual((await follow(idle, 'pr_gone')).pieces, [])
  })
})

test('a live log is followed while it grows, into the next attempt, until the step has ended', async (t) => {
  const idle = await openIdle(t)
  const run = await idle.begin(FILES)
  await idle.setStep(run, 'talk', { state: 'running' })
  const first = await idle.attempt(run, 'talk', 1)
  idle.live.set(first, Buffer.from('be'))
  const told: Record<string, () => Promise<void>> = {
    be: async () => {
      idle.live.set(first, Buffer.from('begun'))
    },
    gun: async () => {
      // the driver's log becomes a blob, and the reader goes on in it
      const { digest, size } = await idle.store.blobs.put(Buffer.from('begun, lost'))
      idle.live.delete(first)
      await idle.store.db.tx((tx) =>
        tx.run("UPDATE pipeline_attempts SET state = 'lost', log_digest = ?, log_bytes = ? WHERE id = ?", [
          digest,
          size,
          first,
        ]),
      )
    },
    ', lost': async () => {
      idle.live.set(await idle.attempt(run, 'talk', 2), Buffer.from('again'))
    },
    again: async () => {
      await idle.store.db.tx((tx) => tx.run("UPDATE pipeline_attempts SET state = 'succeeded' WHERE run_id = ?", [run]))
      await idle.setStep(run, 'talk', { state: 'succeeded' })
    },
  }
  const all = await follow(idle, run, { each: (text) => told[text]?.() })
  assert.deepEqual(
    all.pieces.map((piece) => piece.text),
    ['be', 'gun', ', lost', 'again'],
  )
  assert.deepEqual(all.end, { attempt: 2, offset: 5 })
})

test('a reader that goes away ends the following of a step that goes on', async (t) => {
  const idle = await openIdle(t)
  const run = await idle.begin(FILES)
  await idle.setStep(run, 'talk', { state: 'running' })
  idle.live.set(await idle.attempt(run, 'talk', 1), Buffer.from('text'))
  const gone = new AbortController()
  const all = await follow(idle, run, { signal: gone.signal, each: () => gone.abort() })
  assert.deepEqual([whole(all), all.end], ['text', { attempt: 1, offset: 4 }])
})

test('a whole log comes from the store once it is kept, else from the driver in pieces of a MiB', async (t) => {
  const { idle, run } = await ended(t, ['kept'])
  const id = await idle.attempt(run, 'talk', 2)
  const long = Buffer.from('0123456789abcdef'.repeat(170_000))
  assert.ok(long.length > 2 * 2 ** 20)
  idle.live.set(id, long)
  const [kept, live] = (await idle.read(run)).attempts
  assert.ok(kept !== undefined && live !== undefined)
  assert.equal((await readLog(idle.context, kept)).toString(), 'kept')
  assert.ok((await readLog(idle.context, live)).equals(long))
})

/** A log whose parts have to join to the whole, read from a place on; `most` bytes at a time. */
async function partsOf(idle: Idle, run: string, from: number, most: number): Promise<LogPart[]> {
  const parts: LogPart[] = []
  for (let at = from; ;) {
    const { attempts = [] } = (await readUnit(idle.context.deps.db, run, 'talk')) ?? {}
    const part = await logPart(idle.context, attempts, attempts.at(-1), { from: at, most })
    parts.push(part)
    if (part.to === part.size || parts.length > 500) return parts
    at = part.to
  }
}

describe('a part of a log', () => {
  const line = (n: number): string => `line ${n} über ${'日本'.repeat(n % 7)} 🚕\n`
  const text = Array.from({ length: 4000 }, (_, n) => line(n)).join('')
  const bytes = Buffer.byteLength(text)

  test('begins and ends with whole lines wherever it is asked for, and parts in a row are the whole', async (t) => {
    const { idle, run } = await ended(t, ['first', text])
    const parts = await partsOf(idle, run, 0, 1024)
    assert.equal(parts.map((part) => part.text).join(''), text)
    assert.ok(parts.every((part) => part.text.endsWith('\n') && part.size === bytes && !part.running))
    assert.deepEqual([parts[0]?.attempt, parts[0]?.attempts], [2, 2])
    for (const from of [1, 2, 1000, 1001, 1002, 1003, 77_777, bytes - 1]) {
      const [part] = await partsOf(idle, run, from, 4096)
      assert.ok(part !== undefined && part.from >= from && part.from - from < 100, `${from} became ${part?.from}`)
      assert.equal(
        part.text,
        Buffer.from(text).subarray(part.from, part.to).toString(),
        'its place is where its text stands',
      )
      assert.ok(part.text === '' || part.text.startsWith('line '), part.text.slice(0, 20))
    }
  })

  test('the end is asked for without its size, also of an attempt that goes on, whose last character may be cut', async (t) => {
    const idle = await openIdle(t)
    const run = await idle.begin(FILES)
    assert.deepEqual(await partsOf(idle, run, -100, 1024), [
      { attempt: 0, attempts: 0, from: 0, to: 0, size: 0, text: '', running: false },
    ])
    const id = await idle.attempt(run, 'talk', 1)
    await idle.setStep(run, 'talk', { state: 'running' })
    const half = Buffer.from('one\ntwo 🚕').subarray(0, -2)
    idle.live.set(id, half)
    const { attempts = [] } = (await readUnit(idle.context.deps.db, run, 'talk')) ?? {}
    const part = await logPart(idle.context, attempts, attempts[0], { from: -7, most: 1024 })
    assert.deepEqual(part, { attempt: 1, attempts: 1, from: 4, to: 8, size: 10, text: 'two ', running: true })
  })

  test('a line that is longer than a part is cut at a whole character', async (t) => {
    const { idle, run } = await ended(t, ['é'.repeat(200_000)])
    const parts = await partsOf(idle, run, 0, 70_001)
    assert.equal(parts.map((part) => part.text).join(''), 'é'.repeat(200_000))
    const [odd] = await partsOf(idle, run, 100_001, 1024)
    assert.match(odd?.text ?? '', /^é+$/)
  })
})
