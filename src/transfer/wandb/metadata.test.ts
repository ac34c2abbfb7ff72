/** What older SDKs left in wandb-metadata.json: what is sound of it is taken, and no file stops an import. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { readMetadata } from './metadata.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-wandb-metadata-'))
after(() => rmSync(root, { recursive: true, force: true }))

let made = 0
function read(text: string | Buffer): ReturnType<typeof readMetadata> {
  const folder = join(root, `run-${made++}`)
  mkdirSync(join(folder, 'files'), { recursive: true })
  writeFileSync(join(folder, 'files/wandb-metadata.json'), text)
  return readMetadata(folder)
}

describe('the metadata of a run', () => {
  it('are what the file says, with the repository from within', async () => {
    const own = { os: 'Linux', python: '3.11.4', program: 'train.py', username: 'ada', host: 'box', gpu: 'A100' }
    const git = { remote: 'https://example.org/r.git', commit: 'abc' }
    assert.deepEqual(await read(JSON.stringify({ ...own, git, args: ['--lr', '0.1'], cpu_count: 8, root: '/x' })), {
      ...own,
      ...git,
      args: ['--lr', '0.1'],
    })
  })

  it('take no remote or commit from outside of git', async () => {
    assert.deepEqual(await read('{"remote": "no", "commit": "no", "os": "x"}'), { os: 'x' })
  })

  it('are without what has another type', async () => {
    assert.deepEqual(await read('{"os": 5, "host": null, "gpu": ["A"], "python": {}, "git": "x", "args": "all"}'), {})
    assert.deepEqual(await read('{"git": ["a"], "program": "", "args": [1, "a", null, {}]}'), {
      program: '',
      args: ['a'],
    })
    assert.deepEqual(await read('{"args": []}'), {})
  })

  for (const [what, text] of [
    ['empty', ''],
    ['cut off', '{"os": "Lin'],
    ['a list', '["os"]'],
    ['a text', '"os"'],
    ['null', 'null'],
    ['no text', Buffer.from([0xff, 0xfe, 0x00])],
  ] as const)
    it(`are nothing where the file is ${what}`, async () => {
      assert.deepEqual(await read(text), {})
    })

  it('are nothing where there is no file, or a folder in its place', async () => {
    assert.deepEqual(await readMetadata(join(root, 'nowhere')), {})
    const folder = join(root, 'odd')
    mkdirSync(join(folder, 'files/wandb-metadata.json'), { recursive: true })
    assert.deepEqual(await readMetadata(folder), {})
  })

  it('are read up to one MiB', async () => {
    const sized = (bytes: number): string => `{"os": "Linux"${' '.repeat(bytes - 15)}}`
    assert.deepEqual(await read(sized(1024 * 1024)), { os: 'Linux' })
    assert.deepEqual(await read(sized(1024 * 1024 + 1)), {})
  })
})
