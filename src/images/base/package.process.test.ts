/** Debian packages as dpkg-deb makes them, and what is none. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { findProgram } from '../../../test/tools.ts'
import { readPackage } from './package.ts'
import { BASE_KINDS, pinsOf } from './pins.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-deb-'))
after(() => rmSync(root, { recursive: true }))

const dpkg = findProgram('dpkg-deb')
const skip = dpkg === undefined && 'there is no dpkg-deb (apt-get install dpkg)'

function made(compression: string): Buffer {
  const folder = mkdtempSync(join(root, 'p-'))
  mkdirSync(join(folder, 'DEBIAN'))
  mkdirSync(join(folder, 'usr/lib'), { recursive: true })
  writeFileSync(
    join(folder, 'DEBIAN/control'),
    'Package: hello\nVersion: 1.2-3\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: x\n',
  )
  writeFileSync(join(folder, 'usr/lib/hello.so.1'), 'library', { mode: 0o755 })
  symlinkSync('hello.so.1', join(folder, 'usr/lib/hello.so'))
  const file = join(folder, '../made.deb')
  execFileSync(dpkg ?? '', [`-Z${compression}`, '--root-owner-group', '--build', folder, file], { stdio: 'ignore' })
  return readFileSync(file)
}

for (const compression of ['xz', 'gzip', 'none'])
  test(
    `a package with ${compression} gives its control file, files with their rights, and links`,
    { skip },
    async () => {
      const { control, members } = await readPackage(made(compression), 'hello')
      assert.match(control, /^Package: hello\nVersion: 1.2-3$/m)
      assert.deepEqual(
        members
          .filter(({ type }) => type !== '5')
          .toSorted((a, b) => (a.name < b.name ? -1 : 1))
          .map(({ name, type, link, mode, content }) => [name, type, link, mode, String(content)]),
        [
          ['./usr/lib/hello.so', '2', 'hello.so.1', 0o777, ''],
          ['./usr/lib/hello.so.1', '0', '', 0o755, 'library'],
        ],
      )
    },
  )

test('what is no package, or half of one, is refused', { skip }, async () => {
  const whole = made('xz')
  const unpacked = Buffer.from(whole)
  unpacked.fill(0, whole.length - 200)
  for (const bytes of [Buffer.from('PK'), whole.subarray(0, whole.length - 100), Buffer.from('!<arch>\n'), unpacked])
    await assert.rejects(readPackage(bytes, 'hello'), { code: 'unprocessable', message: /hello is no Debian package/ })
})

test('the pins have every package of each base for both processors, and a processor without pins has none', () => {
  for (const kind of ['node', 'python'] as const)
    for (const architecture of ['amd64', 'arm64'])
      assert.deepEqual(
        pinsOf(kind, architecture)
          ?.packages.map(({ name }) => name)
          .toSorted(),
        [...BASE_KINDS[kind]].toSorted(),
      )
  assert.equal(pinsOf('node', 's390x'), undefined)
})
