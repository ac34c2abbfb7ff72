/** Running a program: how each end is told, that arguments are no shell, and that lines come whole. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { runCommand } from './command.ts'
import type { CommandOptions } from './command.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-command-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const node = (code: string, options?: CommandOptions, ...args: string[]) =>
  runCommand(process.execPath, ['-e', code, ...args], options)

describe('a program', () => {
  test('that ends well tells what it wrote to each stream', async () => {
    assert.deepEqual(await node("process.stdout.write('out'); process.stderr.write('err')"), {
      code: 0,
      stdout: 'out',
      stderr: 'err',
    })
  })

  for (const code of [1, 2, 126, 255])
    test(`that ends with ${code} is told so`, async () =>
      assert.equal((await node(`process.exit(${code})`)).code, code))

  test('that is not there is 127, with the reason', async () => {
    const { code, stderr } = await runCommand(join(folder, 'no-such-program'), [])
    assert.equal(code, 127)
    assert.match(stderr, /ENOENT/)
  })

  test('in a folder that is not there is 127', async () => {
    assert.equal((await node('0', { cwd: join(folder, 'gone') })).code, 127)
  })

  test('that runs too long is ended, and is 124', async () => {
    const { code } = await node("process.on('SIGTERM', () => 0); setInterval(() => 0, 1e6)", { limit: 300 })
    assert.equal(code, 124)
  })

  test('that a signal ends is not taken for one that ended well', async () => {
    assert.equal((await node("process.kill(process.pid, 'SIGTERM'); setInterval(() => 0, 1e6)")).code, 1)
  })

  test('gets its arguments as they are: nothing is run by a shell', async () => {
    const args = ['$(touch pwned)', '; touch pwned', '`touch pwned`', '*', '~', '"', "'", '', 'a b', '\n']
    const { stdout } = await node('console.log(JSON.stringify(process.argv.slice(1)))', { cwd: folder }, '--', ...args)
    assert.deepEqual(
      (JSON.parse(stdout) as string[]).filter((one) => one !== '--'),
      args,
    )
    assert.deepEqual(readdirSync(folder), [])
  })

  test('reads its input to the end, and need not read it', async () => {
    const input = 'x'.repeat(1_000_000)
    const { stdout } = await node(
      "let n = 0; process.stdin.on('data', (d) => (n += d.length)).on('end', () => console.log(n))",
      { input },
    )
    assert.equal(stdout.trim(), '1000000')
    assert.equal((await node('process.exit(0)', { input })).code, 0)
  })

  test('has what builds need of the environment and no more, with what is changed and without what is taken out', async () => {
    process.env['UV_TEST_KEPT'] = 'kept'
    process.env['UV_TEST_GONE'] = 'here'
    process.env['SLIPWAY_SECRET_TEST'] = 'a secret of steps'
    try {
      const { stdout } = await node(
        'const e = process.env; console.log([e.UV_TEST_KEPT, e.UV_TEST_GONE, e.SLIPWAY_TEST_NEW, e.SLIPWAY_SECRET_TEST])',
        {
          env: { UV_TEST_GONE: undefined, SLIPWAY_TEST_NEW: 'new' },
        },
      )
      assert.equal(stdout.trim(), "[ 'kept', undefined, 'new', undefined ]")
    } finally {
      for (const name of ['UV_TEST_KEPT', 'UV_TEST_GONE', 'SLIPWAY_SECRET_TEST']) delete process.env[name]
    }
  })

  test('tells each whole line of its errors once, however it is written', async () => {
    const lines: string[] = []
    const write =
      // by the clock: mostly pieces of their own, and joined they say the same
      'const w = (t) => new Promise((r) => process.stderr.write(t, r)); const p = () => new Promise((r) => setTimeout(r, 20));'
    const { stderr } = await node(
      `(async () => { ${write} await w('on'); await p(); await w('e\\ntwo\\nth'); await p(); await w('ree\\n'); await w('no end') })()`,
      {
        onLine: (line) => lines.push(line),
      },
    )
    assert.deepEqual(lines, ['one', 'two', 'three'])
    assert.equal(stderr, 'one\ntwo\nthree\nno end')
  })

  test('may write letters that lie across two pieces', async () => {
    const { stdout } = await node(
      // by the clock: mostly two pieces, and joined they say the same
      'process.stdout.write(Buffer.from([0xc3])); setTimeout(() => process.stdout.write(Buffer.from([0xa4])), 30)',
    )
    assert.equal(stdout, 'ä')
  })
})
