/** What every driver must do passes on a real Ray cluster: of three nodes in a network of its own, else of one. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { driverCaseNames } from '../../src/pipelines/drivers/driver.cases.ts'
import { ownNetwork } from './network.ts'
import { RAY } from './ray-nodes.ts'
import { testEnv } from '../python-env.ts'

test('every case of drivers passes on Ray, and what only Ray does', async (t) => {
  try {
    await testEnv(RAY, 'once')
  } catch (error) {
    return t.skip(
      `${RAY.join()} is not in the cache and could not be installed: ${(error as Error).message.slice(-200)}`,
    )
  }
  const alone = ownNetwork()
  if (alone === undefined) t.diagnostic('no network namespace is to be had: the cluster has one node')
  const inner = [process.execPath, '--test', '--test-reporter=tap', join(import.meta.dirname, 'ray.cases.ts')]
  const [program = '', ...args] = alone === undefined ? inner : [...alone, ...inner]
  const { NODE_TEST_CONTEXT: _ours, ...env } = process.env
  const child = spawn(program, args, {
    env: { ...env, SLIPWAY_TEST_RAY_NODES: alone === undefined ? '0' : '2' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (chunk) => (said += String(chunk)))
  const code = await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject))
  assert.equal(code, 0, said.slice(-20_000))
  const passed = [...said.matchAll(/^ok \d+ - (.*)$/gm)].map(([, name]) => name?.replaceAll('\\#', '#'))
  assert.deepEqual(
    driverCaseNames().filter((name) => !passed.includes(name)),
    [],
  )
})
