/** The example of a pipeline in Python: its tests pass without a server, and it runs as its page says. */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { runProgram } from '../../src/cli/program.fixture.ts'
import { runCommand } from '../../src/envs/command.ts'
import { findPython } from '../../src/envs/python.ts'
import type { RunView } from '../../src/pipelines/run/view.ts'
import { endedRun } from '../fixtures/runs-of.ts'
import { startTestServer, type TestServer } from '../server.ts'

const checkout = resolve(import.meta.dirname, '../..')

describe('examples/readings', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-readings-'))
  const example = join(folder, 'readings')
  let server: TestServer

  before(async () => {
    mkdirSync(join(folder, 'data'))
    cpSync(join(checkout, 'examples/readings'), example, {
      recursive: true,
      filter: (path) => !path.endsWith('__pycache__'),
    })
    server = await startTestServer({ data: join(folder, 'data') })
  })
  after(async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  async function run(...words: string[]): Promise<RunView> {
    const { code, out, said } = await runProgram(['run', example, ...words], {
      cwd: folder,
      env: { SLIPWAY_DATA: server.data },
    })
    assert.equal(code, 0, out + said)
    return endedRun(server, /^Run (\S+) of readings/m.exec(out)?.[1] ?? '')
  }
  const states = ({ steps }: RunView): string[] => steps.map(({ name, state }) => `${name} ${state}`)

  test('its steps are functions to its tests', async () => {
    const { path } = await findPython('>=3.10')
    const env = { PYTHONPATH: join(checkout, 'python'), PYTHONDONTWRITEBYTECODE: '1' }
    const { code, stderr } = await runCommand(path, ['-m', 'unittest', 'discover', 'tests'], {
      cwd: example,
      env,
    })
    assert.equal(code, 0, stderr)
    assert.match(stderr, /Ran 1 test/)
  })

  test('it runs, takes what did not change from the cache, and decides by its metrics', async () => {
    assert.deepEqual(states(await run('--strict')), [
      'make succeeded',
      'fit succeeded',
      'report succeeded',
      'show succeeded',
    ])
    assert.deepEqual(states(await run()), ['make cached', 'fit cached', 'report cached', 'show cached'])
    // the same in TypeScript
    const typed = await run('--file', 'readings.ts')
    assert.deepEqual(states(typed), ['make cached', 'fit cached', 'report cached', 'show cached'])
    const noisy = await run('--set', 'noise=9')
    assert.deepEqual(states(noisy), ['make succeeded', 'fit succeeded', 'report skipped', 'show succeeded'])
  })
})
