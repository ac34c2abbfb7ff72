/** Layers as GNU tar reads them, the same bytes whatever the order, and what may not be in one. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { Entries } from './entries.ts'
import type { LayerEntry } from './entries.ts'
import { layerTar } from './tar.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-layer-'))
after(() => rmSync(root, { recursive: true }))

async function tarOf(entries: Entries): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of layerTar(entries)) parts.push(part)
  return Buffer.concat(parts)
}

/** Lines as GNU tar lists them: mode, owner, size, time, name and target. */
function listed(tar: Buffer): string[] {
  const args = ['--list', '--verbose', '--numeric-owner', '--full-time', '--file', '-']
  const text = execFileSync('tar', args, { input: tar, env: { ...process.env, TZ: 'UTC', LC_ALL: 'C' } }).toString()
  return text
    .trim()
    .split('\n')
    .map((line) => line.replaceAll(/ +/g, ' '))
}

const LONG = `${'d'.repeat(90)}/${'f'.repeat(90)}`

describe('a layer', () => {
  it('is what GNU tar reads: folders first, owners fixed, no times, links and long names whole', async () => {
    const entries = new Entries()
      .add('data', { kind: 'folder', mode: 0o750, owner: 10_001 })
      .add('lib/libc.so', { kind: 'link', target: 'x86/libc.so.6' })
      .add('lib/far.so', { kind: 'link', target: `/${LONG}` })
      .file('bin/run', '#!', 0o755)
      .file(LONG, 'x')
    const time = '1970-01-01 00:00:00'
    assert.deepEqual(listed(await tarOf(entries)), [
      `drwxr-xr-x 0/0 0 ${time} bin/`,
      `-rwxr-xr-x 0/0 2 ${time} bin/run`,
      `drwxr-x--- 10001/10001 0 ${time} data/`,
      `drwxr-xr-x 0/0 0 ${time} ${'d'.repeat(90)}/`,
      `-rw-r--r-- 0/0 1 ${time} ${LONG}`,
      `drwxr-xr-x 0/0 0 ${time} lib/`,
      `lrwxrwxrwx 0/0 0 ${time} lib/far.so -> /${LONG}`,
      `lrwxrwxrwx 0/0 0 ${time} lib/libc.so -> x86/libc.so.6`,
    ])
  })

  it('is the same bytes in any order of adding, from files with any time and rights', async () => {
    const file = join(root, 'file')
    writeFileSync(file, 'content')
    const source = { file, size: 7 }
    const all: [string, LayerEntry][] = [
      ['a/b', { kind: 'file', mode: 0o644, source }],
      ['a', { kind: 'folder', mode: 0o755 }],
      ['a-b', { kind: 'file', mode: 0o644, source: Buffer.from('é') }],
      ['Z', { kind: 'link', target: 'a-b' }],
    ]
    const first = new Entries()
    for (const [path, entry] of all) first.add(path, entry)
    const before = await tarOf(first)
    rmSync(file)
    writeFileSync(file, 'content', { mode: 0o600 })
    execFileSync('touch', ['-d', '2001-02-03', file])
    const second = new Entries()
    for (const [path, entry] of all.toReversed()) second.add(path, entry)
    assert.deepEqual(await tarOf(second), before)
    assert.equal(before.length % 512, 0)
  })

  it('fails when a file is another size than it was', async () => {
    const file = join(root, 'grows')
    writeFileSync(file, 'more')
    const entries = new Entries().add('x', { kind: 'file', mode: 0o644, source: { file, size: 3 } })
    await assert.rejects(tarOf(entries), { code: 'conflict', message: /"x" changed/ })
    assert.equal(readFileSync(file).length, statSync(file).size)
  })

  for (const [path, entry] of [
    ['../up', { kind: 'folder', mode: 0o755 }],
    ['/abs', { kind: 'folder', mode: 0o755 }],
    ['a/../../b', { kind: 'folder', mode: 0o755 }],
    ['a\0b', { kind: 'folder', mode: 0o755 }],
    ['l', { kind: 'link', target: '../etc' }],
    ['a/l', { kind: 'link', target: '../../etc' }],
    ['l', { kind: 'link', target: '/../etc' }],
    ['l', { kind: 'link', target: '/a/../../etc' }],
    ['l', { kind: 'link', target: 'a/../../etc' }],
    ['l', { kind: 'link', target: '' }],
    ['file/below', { kind: 'file', mode: 0o644, source: Buffer.alloc(0) }],
    ['file', { kind: 'folder', mode: 0o755 }],
  ] as [string, LayerEntry][])
    it(`has no ${JSON.stringify(path)}${entry.kind === 'link' ? ` to ${JSON.stringify(entry.target)}` : ''}`, () => {
      assert.throws(() => new Entries().file('file', '').add(path, entry), { code: 'bad_request' })
    })
})
