/** Lines of checkpoints: what is signed and in which order, what is no line of ours, and what is told of a file of them. */
import assert from 'node:assert/strict'
import { createHash, createPublicKey, verify } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileSigner, hashOfLine, isSigned, nameOfKey, readLine, readLines } from './checkpoint-record.ts'
import type { Checkpoint } from './checkpoint-record.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-record-'))
after(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'key.pem')
const signer = fileSigner(file)
const HASH = 'a'.repeat(64)
const ZEROS = '0'.repeat(64)
const SAID = {
  n: 3,
  kind: 'checkpoint',
  at: '2026-03-01T00:00:00.000Z',
  rows: 7,
  head: HASH,
  prev: ZEROS,
  note: 'what, "quoted", ü',
} as const
const line = signer.sign(SAID)
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
/** The line with other fields, under a signature that is not theirs; `undefined` leaves one out. */
function forged(changed: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...(JSON.parse(line) as object), ...changed })
}

describe('a line', () => {
  test('says its fields in their order, and is signed by ed25519 without its signature', () => {
    const { sig, ...said } = JSON.parse(line) as Checkpoint & { sig: string }
    const { n, kind, at, rows, head, prev, note } = SAID
    const wanted = { slipway_audit: 1, n, kind, at, rows, head, prev, key: signer.key, note }
    assert.equal(JSON.stringify(said), JSON.stringify(wanted))
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: signer.key }, format: 'jwk' })
    assert.ok(verify(null, Buffer.from(JSON.stringify(wanted)), key, Buffer.from(sig, 'base64url')))
  })

  test('is read as what it says, with its own hash', () => {
    assert.deepEqual(readLine(line), { slipway_audit: 1, ...SAID, key: signer.key, line, hash: sha256(line) })
    assert.equal(hashOfLine(line), sha256(line))
    assert.equal(readLine(signer.sign({ ...SAID, kind: 'restored' }))?.kind, 'restored')
  })

  const { n, ...others } = JSON.parse(line) as Record<string, unknown>
  for (const [what, text] of Object.entries({
    nothing: '',
    'no JSON': 'text',
    'a list': '[]',
    'JSON without a signature': JSON.stringify(SAID),
    'a signature that is short': line.replace(/.."\}$/, '"}'),
    'more behind it': `${line} `,
    'another version': forged({ slipway_audit: 2 }),
    'a field of its own': line.replace('{', '{"more":1,'),
    'another order': JSON.stringify({ n, ...others }),
    'another spelling': line.replace('"n":3', '"n": 3'),
    'another kind': forged({ kind: 'other' }),
    'a number that is none': forged({ n: '3' }),
    'half a number': forged({ n: 3.5 }),
    'rows that are no number': forged({ rows: null }),
    'no time': forged({ at: 1 }),
    'no head': forged({ head: 1 }),
    'no line before': forged({ prev: 1 }),
    'no note': forged({ note: 1 }),
    'no key': forged({ key: 1 }),
    'a key that is short': forged({ key: signer.key.slice(1) }),
    'a key that is long': forged({ key: `${signer.key}a` }),
    'a key of other letters': forged({ key: signer.key.replace(/.$/, '+') }),
  }))
    test(`is none of ours with ${what}`, () => assert.equal(readLine(text), undefined))

  test('is signed as long as nothing of it is changed', () => {
    const signed = (text: string): boolean => isSigned(readLine(text) ?? assert.fail(text))
    assert.equal(signed(line), true)
    for (const changed of [{ n: 4 }, { rows: 8 }, { kind: 'restored' }, { head: 'b' }, { note: '' }, { at: '' }])
      assert.equal(signed(forged(changed)), false)
    assert.equal(signed(forged({ key: fileSigner(join(folder, 'other.pem')).key })), false)
  })
})

test('a key is made once, as PEM for its owner alone; people read sixteen letters of its hash', () => {
  assert.match(readFileSync(file, 'utf8'), /^-----BEGIN PRIVATE KEY-----\n/)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.equal(fileSigner(file).key, signer.key)
  assert.equal(nameOfKey(signer.key), sha256(signer.key).slice(0, 16))
})

describe('a file of lines', () => {
  /** Lines in turn, each after the one before. */
  function chain(count: number): string[] {
    const lines: string[] = []
    for (let i = 1; i <= count; i++)
      lines.push(signer.sign({ ...SAID, n: i, prev: i === 1 ? ZEROS : sha256(lines.at(-1) ?? '') }))
    return lines
  }
  const read = async (lines: readonly string[]) => {
    const { points, faults } = await readLines(`${lines.join('\n')}\n`)
    return { numbers: points.map(({ n }) => n), faults }
  }

  test('is what its lines say; one without an end is left out', async () => {
    const lines = chain(3)
    assert.deepEqual(await read(lines), { numbers: [1, 2, 3], faults: [] })
    assert.deepEqual((await readLines(lines.join('\n'))).points.length, 2)
    assert.deepEqual(await readLines(''), { points: [], faults: [] })
  })

  test('tells the line that is none, is not signed, or does not follow the one before', async () => {
    const [one = '', two = '', three = ''] = chain(3)
    const none = (at: number): string => `line ${at} is no checkpoint, or its signature does not hold`
    const apart = (at: number): string => `line ${at} does not follow the line before`
    assert.deepEqual(await read(['text', one]), { numbers: [1], faults: [none(1), apart(2)] })
    assert.deepEqual(await read([one, two.replace('"rows":7', '"rows":8'), three]), {
      numbers: [1, 3],
      faults: [none(2), apart(3)],
    })
    assert.deepEqual(await read([one, three]), { numbers: [1, 3], faults: [apart(2)] })
    assert.deepEqual(await read([two, three]), { numbers: [2, 3], faults: [apart(1)] })
  })

  test('gives others their turn after every 200 lines', async () => {
    const turns: number[] = []
    for (const lines of [199, 200, 399, 400]) {
      let others = 0
      let next = setImmediate(function again() {
        others++
        next = setImmediate(again)
      })
      assert.equal((await readLines('x\n'.repeat(lines))).faults.length, lines)
      turns.push(others)
      clearImmediate(next)
    }
    assert.deepEqual(turns, [0, 1, 1, 2])
  })
})
