/** Zip and tar archives as readers see them: what is listed, what is unpacked, and what is refused because readers could differ. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { crc32, deflateSync } from 'node:zlib'
import { TAR_END, tarMember, zip } from './archives.fixture.ts'
import type { End, Member } from './archives.fixture.ts'
import { Findings, verdictOf } from './findings.ts'
import { scanFile } from './scan.ts'
import { isTar, tarEntries, TarFault } from './tar.ts'
import { zipContent, zipEnd, zipEntries, ZipFault } from './zip.ts'

const HELLO = Buffer.from('hello hello hello')
const EVIL = Buffer.from("cos\nsystem\n(S'id'\ntR.")
const fault = (kind: typeof ZipFault | typeof TarFault, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof kind, String(error))
  assert.match(error.message, message)
  return true
}
function scanned(name: string, bytes: Buffer): { verdict: string; reasons: string[] } {
  const found = new Findings()
  scanFile(name, bytes, found)
  return { verdict: verdictOf(found.list()), reasons: found.list().map((one) => one.reason) }
}

describe('the directory of a zip archive', () => {
  const two = [
    { name: 'a.txt', content: HELLO },
    { name: 'deep/ü.bin', content: Buffer.alloc(0) },
  ]

  test('lists each member, with what is unpacked of it', () => {
    for (const end of [{}, { comment: 'made by hand' }, { wide: {} }, { wide: {}, count: 0xffff, start: 0xffffffff }]) {
      const bytes = zip(two, end)
      const entries = zipEntries(bytes, 2)
      assert.deepEqual(
        entries.map(({ name, method, encrypted, crc, size }) => ({ name, method, encrypted, crc, size })),
        two.map(({ name, content }) => ({
          name,
          method: 8,
          encrypted: false,
          crc: crc32(content),
          size: content.length,
        })),
      )
      assert.deepEqual(
        entries.map((one) => zipContent(bytes, one, 100)),
        two.map((one) => one.content),
      )
    }
  })

  test('may have no members, and none beyond the most', () => {
    assert.deepEqual(zipEntries(zip([]), 0), [])
    assert.throws(() => zipEntries(zip(two), 1), fault(ZipFault, /2 members, more than 1/))
  })

  test('is found by the last end record, also before the longest comment', () => {
    const bytes = zip(two, { comment: 'x'.repeat(65_535) })
    assert.equal(zipEnd(bytes), bytes.length - 22 - 65_535)
    assert.equal(zipEnd(Buffer.concat([bytes, Buffer.from('y')])), -1)
    const later = zip(two, { comment: 'PK\x05\x06 and eighteen more bytes' })
    assert.equal(zipEnd(later), later.length - 28)
    for (const short of [Buffer.alloc(0), Buffer.from('PK\x05\x06'), zip([]).subarray(0, 21)])
      assert.equal(zipEnd(short), -1)
  })

  const LIES: readonly (readonly [string, End, RegExp])[] = [
    ['fewer members than there are', { count: 1 }, /more or fewer members/],
    ['more members than there are', { count: 3 }, /directory is broken/],
    ['no members', { count: 0 }, /more or fewer members/],
    ['a directory elsewhere', { start: 0 }, /does not lie where it says/],
    ['a shorter directory', { size: 10 }, /does not lie where it says/],
    ['a directory that is not right before its end', { between: Buffer.alloc(3) }, /does not lie where it says/],
    ['fewer members in the wide record', { wide: { count: 1 } }, /more or fewer members/],
    ['a directory elsewhere in the wide record', { wide: { start: 0 } }, /does not lie where it says/],
    ['another size in the wide record', { wide: { size: 1 } }, /does not lie where it says/],
    ['a wide record elsewhere', { wide: { at: 0 } }, /directory is broken/],
    ['a wide record beyond the end', { wide: { at: 2 ** 40 } }, /directory is broken/],
    ['an impossible number', { wide: { count: Number(2n ** 60n) } }, /impossible/],
  ]
  for (const [what, end, message] of LIES)
    test(`is refused when it says ${what}`, () => {
      assert.throws(() => zipEntries(zip(two, end), 100), fault(ZipFault, message))
      assert.equal(scanned('m.zip', zip(two, end)).verdict, 'suspicious')
    })

  test('that hides a pickle from who counts members, or goes by its offset, is not called clean', () => {
    const good = { name: 'good.txt', content: Buffer.alloc(200, 97) }
    const evil = { name: 'evil.pkl', content: EVIL }
    assert.equal(scanned('m.zip', zip([good, evil])).verdict, 'malicious')
    assert.equal(scanned('m.zip', zip([good, evil], { count: 1 })).verdict, 'suspicious')
    // the offset names the directory of the first archive, the place before the end is that of the second
    const first = zip([good])
    const start = first.length - 22 - (46 + good.name.length)
    const second = zip([good, evil], { start })
    assert.equal(scanned('m.zip', Buffer.concat([first, second])).verdict, 'suspicious')
  })
})

describe('a member of a zip archive', () => {
  const content = (lies: Partial<Member>, limit = 100): Buffer => {
    const bytes = zip([{ name: 'a.txt', content: HELLO, ...lies }])
    const [entry] = zipEntries(bytes, 1)
    assert.ok(entry !== undefined)
    return zipContent(bytes, entry, limit)
  }

  test('is unpacked up to the limit', () => {
    assert.deepEqual(content({}, HELLO.length), HELLO)
    assert.throws(() => content({}, HELLO.length - 1), fault(ZipFault, /unpacks to 17 bytes, more than 16/))
  })
  for (const [what, lies, message] of [
    ['longer than it says', { size: HELLO.length - 1 }, /not as long|does not unpack/],
    ['shorter than it says', { size: HELLO.length + 1 }, /not as long/],
    ['of another checksum', { crc: 7 }, /checksum/],
    ['encrypted', { flags: 1 }, /encrypted/],
    ['packed by another method', { method: 12 }, /packed by method 12/],
    ['packed in another way by its own header', { localMethod: 0 }, /another way of packing/],
    ['of another name in its own header', { localName: 'b.txt' }, /another file/],
  ] as const)
    test(`is refused when it is ${what}`, () => assert.throws(() => content(lies), fault(ZipFault, message)))

  test('is refused where it is cut off or has no header', () => {
    const bytes = zip([{ name: 'a.txt', content: HELLO }])
    const [entry] = zipEntries(bytes, 1)
    assert.ok(entry !== undefined)
    const refused = (more: object, message: RegExp): void =>
      assert.throws(() => zipContent(bytes, { ...entry, ...more }, 100), fault(ZipFault, message))
    refused({ header: 1 }, /header is broken/)
    refused({ header: bytes.length - 29 }, /header is broken/)
    refused({ packed: bytes.length }, /cut off/)
  })
})

describe('a tar archive', () => {
  const listed = (parts: readonly Buffer[], most = 100): string[] =>
    tarEntries(Buffer.concat(parts), most).map(({ name, type, content }) => `${type} ${name} ${content.length}`)
  const pax = (text: string): string => `${text.length + 4} ${text}\n`

  test('lists its members, with long names of three kinds', () => {
    const parts = [
      tarMember('a.txt', HELLO),
      tarMember('folder/', '', { type: '5' }),
      tarMember('old', HELLO, { type: '\0' }),
      tarMember('b.txt', Buffer.alloc(512), { prefix: 'far/away' }),
      tarMember('x', `${'l'.repeat(150)}\0`, { type: 'L' }),
      tarMember('cut', '1'),
      tarMember('x', pax('path=päx/name.txt'), { type: 'x' }),
      tarMember('cut', '22'),
      tarMember('x', pax('mtime=1'), { type: 'g' }),
      tarMember('last', '', { type: '2' }),
    ]
    const wanted = ['0 a.txt 17', '5 folder/ 0', '0 old 17', '0 far/away/b.txt 512', `0 ${'l'.repeat(150)} 1`]
    assert.deepEqual(listed([...parts, TAR_END]), [...wanted, '0 päx/name.txt 2', '2 last 0'])
    assert.deepEqual(listed(parts), listed([...parts, TAR_END]), 'also without an end')
    assert.deepEqual([isTar(parts[0] ?? TAR_END), isTar(TAR_END), isTar(HELLO)], [true, false, false])
  })

  test('has no more members than the most, and none that is cut off or of an unreadable size', () => {
    const member = tarMember('a', HELLO)
    assert.equal(listed([member, member], 2).length, 2)
    assert.throws(() => listed([member, member], 1), fault(TarFault, /more than 1 members/))
    assert.throws(() => listed([member.subarray(0, 520)]), fault(TarFault, /cut off/))
    for (const size of ['99999999999\0', '            ', '\x80\0\0\0\0\0\0\0\0\0\0\x05', '-0000000001\0'])
      assert.throws(() => listed([tarMember('a', HELLO, { size })]), fault(TarFault, /not readable/))
  })

  test('a member without a name is no end: readers go on behind it', () => {
    const parts = [tarMember('good.txt', HELLO), tarMember('', ''), tarMember('evil.pkl', EVIL), TAR_END]
    assert.deepEqual(listed(parts), ['0 good.txt 17', '0  0', '0 evil.pkl 21'])
    assert.equal(scanned('m.tar', Buffer.concat(parts)).verdict, 'malicious')
  })

  test('a PAX record that tells another size is refused: readers find the next member elsewhere', () => {
    const picture = Buffer.concat([
      Buffer.from('89504e470d0a1a0a', 'hex'),
      Buffer.alloc(504),
      tarMember('evil.pkl', EVIL),
    ])
    for (const type of ['x', 'g']) {
      const parts = [tarMember('p', pax('size=8'), { type }), tarMember('a.png', picture), TAR_END]
      assert.throws(() => listed(parts), fault(TarFault, /said twice/))
      assert.equal(scanned('m.tar', Buffer.concat(parts)).verdict, 'suspicious')
    }
  })

  test('bytes after its end are refused, zeros are not', () => {
    const sound = [tarMember('good.txt', HELLO), TAR_END]
    assert.equal(scanned('m.tar', Buffer.concat([...sound, Buffer.alloc(9000)])).verdict, 'clean')
    for (const more of [zip([{ name: 'evil.pkl', content: EVIL }]), Buffer.from('x'), tarMember('evil.pkl', EVIL)]) {
      const { verdict, reasons } = scanned('m.tar', Buffer.concat([...sound, more]))
      assert.deepEqual([verdict, reasons], ['suspicious', ['there are bytes after its end']])
    }
  })

  test('links, devices and names that lead outside are told, files are scanned', () => {
    const verdictOfOne = (member: Buffer): string => scanned('m.tar', Buffer.concat([member, TAR_END])).verdict
    assert.equal(verdictOfOne(tarMember('f/', '', { type: '5' })), 'clean')
    for (const type of ['1', '2', '3', '7']) assert.equal(verdictOfOne(tarMember('f', '', { type })), 'suspicious')
    for (const name of ['/etc/x', '../x', 'a/../../x', 'C:x'])
      assert.equal(verdictOfOne(tarMember(name, 'x')), 'suspicious')
    assert.equal(verdictOfOne(tarMember('a..b.txt', 'x')), 'clean')
    assert.equal(verdictOfOne(tarMember('evil', EVIL)), 'malicious')
  })
})

test('what holds no code, or is packed, and ends as a zip archive is two formats in one file', () => {
  const hidden = zip([{ name: 'evil.pkl', content: EVIL }])
  const npy = (data: Buffer): Buffer => {
    const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (${data.length},), }\n`
    return Buffer.concat([
      Buffer.from(`\x93NUMPY\x01\x00${String.fromCharCode(header.length)}\x00${header}`, 'latin1'),
      data,
    ])
  }
  const safetensors = (data: Buffer): Buffer => {
    const header = JSON.stringify({ w: { dtype: 'U8', shape: [data.length], data_offsets: [0, data.length] } })
    const size = Buffer.alloc(8)
    size.writeBigUInt64LE(BigInt(header.length))
    return Buffer.concat([size, Buffer.from(header), data])
  }
  const ubj = (data: Buffer): Buffer => {
    const [head, between] = [Buffer.alloc(8), Buffer.alloc(8)]
    head.writeBigInt64BE(7n)
    between.writeBigInt64BE(BigInt(data.length))
    return Buffer.concat([Buffer.from('{L'), head, Buffer.from('learner[$U#L'), between, data, Buffer.from('}')])
  }
  for (const [name, file] of [
    ['m.z', (data: Buffer) => Buffer.concat([deflateSync('text'), data])],
    ['m.ubj', ubj],
    ['m.npy', npy],
    ['m.safetensors', safetensors],
  ] as const) {
    assert.equal(scanned(name, file(Buffer.alloc(300, 7))).verdict, 'clean', name)
    const { verdict, reasons } = scanned(name, file(hidden))
    assert.equal(verdict, 'suspicious', name)
    assert.ok(reasons.includes('a zip archive is hidden at its end'), name)
  }
})

test('members that torch reads as numbers, and folders that have bytes, are pickles and arrays to other readers', () => {
  const header = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".padEnd(117)
  const objects = Buffer.concat([
    Buffer.from('934e554d50590100', 'hex'),
    Buffer.from([118, 0]),
    Buffer.from(`${header}\n`),
    EVIL,
  ])
  const harmless = { name: 'm/data.pkl', content: Buffer.from('8004 4e2e'.replace(' ', ''), 'hex') }
  for (const content of [EVIL, objects]) {
    for (const name of ['m/data/0', 'm/version', 'm/byteorder'])
      assert.equal(scanned('m.npz', zip([harmless, { name, content }])).verdict, 'malicious', name)
    assert.equal(scanned('m.zip', zip([{ name: 'x.npy/', content }])).verdict, 'malicious')
  }
  const sound = [
    harmless,
    { name: 'm/data/0', content: Buffer.from('0000803f000000c0', 'hex') },
    { name: 'm/version', content: Buffer.from('3\n') },
  ]
  assert.equal(scanned('m.pt', zip([...sound, { name: 'm/', content: Buffer.alloc(0) }])).verdict, 'clean')
})
