/** How a command is confined, and what it inherits. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { inherited } from './environment.ts'
import { confined, policyOf, type Plan } from './plan.ts'

const COMMAND = { program: '/env/bin/python', args: ['-m', 'slipway.scorer'] }
const PLAN: Plan = { python: 'python3', layers: [], hide: ['/data'], write: ['/out'] }

test('without a plan a command stays as it is', () => {
  assert.deepEqual(confined(null, COMMAND, { show: ['/data/models/1'] }), COMMAND)
  assert.equal(policyOf(null, {}), null)
})

test('with a plan the launcher becomes the command, with what is granted and the folders of everybody', () => {
  const { program, args } = confined(PLAN, COMMAND, { fixed: ['/data/models/1'], write: ['/data/out'] })
  assert.equal(program, 'python3')
  assert.deepEqual(args.slice(0, 2), ['-I', '-S'], 'no variable and no package decides what runs before it is confined')
  assert.deepEqual(JSON.parse(args[3] ?? ''), {
    layers: [],
    hide: ['/data'],
    show: [],
    fixed: ['/data/models/1'],
    write: ['/data/out', '/out'],
  })
  assert.deepEqual(args.slice(4), [COMMAND.program, ...COMMAND.args])
})

test('the launcher keeps arguments, standard input and exit code, and gains nothing', () => {
  const code = 'import sys; print(sys.stdin.read(), sys.argv[1:]); print(open("/proc/self/status").read())'
  const given = { program: 'python3', args: ['-c', code, 'a b', '', '--'] }
  const { program, args } = confined({ ...PLAN, hide: [] }, given, {})
  const said = execFileSync(program, [...args], { input: 'typed', encoding: 'utf8' })
  assert.match(said, /^typed \['a b', '', '--'\]\n/)
  if (process.platform === 'linux') assert.match(said, /NoNewPrivs:\t1/)
  const failing = confined({ ...PLAN, hide: [] }, { program: 'sh', args: ['-c', 'exit 7'] }, {})
  assert.throws(() => execFileSync(failing.program, [...failing.args]), { status: 7 })
})

test('what is inherited is what is named, by word or by the beginning of a word', () => {
  const set = { SLIPWAY_SECRET_X: 'no', AWS_SECRET_ACCESS_KEY: 'no', UV_INDEX: 'yes', UVX: 'no', CC: 'cc' }
  const before = { ...process.env }
  Object.assign(process.env, set)
  try {
    const found = inherited('UV_* CC')
    assert.deepEqual([found['UV_INDEX'], found['CC'], found['PATH']], ['yes', 'cc', before['PATH']])
    assert.deepEqual(
      ['SLIPWAY_SECRET_X', 'AWS_SECRET_ACCESS_KEY', 'UVX'].filter((name) => name in found),
      [],
    )
    assert.equal('CC' in inherited(), false)
  } finally {
    for (const name of Object.keys(set)) delete process.env[name]
  }
})
