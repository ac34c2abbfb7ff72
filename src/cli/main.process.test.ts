/** The program as a shell sees it: exit codes by whose mistake it was, which stream says what, and that a mistake changes nothing. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { authApi } from '../contract/auth.ts'
import type { ErrorCode } from '../contract/errors.ts'
import { problem } from '../contract/errors.ts'
import { pipelinesApi } from '../contract/pipelines.ts'
import { servingApi } from '../contract/serving.ts'
import { endpoint } from './answers.fixture.ts'
import { COMMANDS } from './commands.ts'
import { runProgram } from './program.fixture.ts'
import type { Ended } from './program.fixture.ts'
import { startRecorded } from './recorded-server.fixture.ts'
import type { RecordedServer } from './recorded-server.fixture.ts'
import { usage } from './run-command.fixture.ts'

let server: RecordedServer
before(async () => {
  server = await startRecorded()
})
after(() => server.close())

const run = (words: readonly string[], env: Record<string, string> = {}): Promise<Ended> =>
  runProgram(words, { cwd: server.data, env: { SLIPWAY_DATA: server.data, ...env } })

/** Refused with this code, on standard error alone and without a stack. */
async function refused(words: readonly string[], code: number, said: RegExp, env = {}): Promise<void> {
  const ended = await run(words, env)
  assert.deepEqual([ended.code, ended.out], [code, ''], `${words.join(' ')}: ${ended.said}`)
  assert.match(ended.said, /^slipway: /)
  assert.match(ended.said, said)
  assert.doesNotMatch(ended.said, /\n\s+at /)
}

describe('the program', () => {
  it('lists every command in the overview, once and in the order of the table', async () => {
    const [asked, bare] = await Promise.all([run(['--help']), run([])])
    assert.deepEqual([asked.code, bare.code, asked.said, bare.said], [0, 2, '', ''])
    assert.equal(asked.out, bare.out)
    const shown = [...asked.out.matchAll(/^ {2}(\S+) {2,}(.+)$/gm)].map(([, name, summary]) => [name, summary])
    assert.deepEqual(
      shown,
      COMMANDS.map(({ name, summary }) => [name, summary]),
    )
  })

  it('tells its release', async () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
      version: string
    }
    for (const flag of ['--version', '-V'])
      assert.deepEqual(await run([flag]), { code: 0, out: `slipway ${version}\n`, said: '' })
  })

  it('names the command and the flag that was meant, where one is near', async () => {
    await refused(['endpionts'], 2, /no command "endpionts"; did you mean "endpoints"\?/)
    await refused(['zzzzzz'], 2, /no command "zzzzzz"; slipway --help lists them/)
    await refused(['serve', '--prot', '1'], 2, /no flag '--prot'; did you mean --port\?/)
    await refused(['serve', '--zzzzzz'], 2, /no flag '--zzzzzz'\n/)
  })

  it('completes commands and flags in bash, and writes each for zsh and fish', async () => {
    const { out } = await run(['completion', 'bash'])
    const complete = (...words: readonly string[]): string[] => {
      const typed = words.map((word) => `'${word}'`).join(' ')
      const ask = `COMP_WORDS=(slipway ${typed}); COMP_CWORD=${words.length}; _slipway; echo "\${COMPREPLY[@]}"`
      const ended = spawnSync('bash', ['--norc', '-c', `${out}\n${ask}`], { encoding: 'utf8' })
      assert.equal(ended.stderr, '')
      return ended.stdout.trim().split(' ')
    }
    assert.deepEqual(complete('endp'), ['endpoints'])
    assert.deepEqual(complete('serve', '--po'), ['--port'])
    assert.deepEqual(complete('serve', 'fol'), [''], 'files are left to the shell')
    for (const shell of ['zsh', 'fish']) {
      const script = (await run(['completion', shell])).out
      for (const { name, flags } of COMMANDS)
        for (const word of [name, ...flags.map((flag) => flag.name)])
          assert.ok(script.includes(word), `${shell} ${word}`)
    }
    await refused(['completion', 'tcsh'], 2, /no shell "tcsh"; expected bash, zsh, fish/)
  })

  const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString()
  for (const words of [
    ['image', 'sign', 'layout:nowhere', '--key', pem],
    ['image', 'verify', 'layout:nowhere', '--key', pem],
    ['image', 'environments', 'set', 'staging', '--repository', 'r.example/m', '--key', pem],
    ['models', 'sign', 'm/1', '--key', pem],
    ['models', 'verify', 'm/1', '--key', pem],
    ['image', 'inspect', pem],
    [pem],
  ])
    it(`repeats nothing of a key that is given to "${words.slice(0, 2).join(' ').slice(0, 40)}" in place of a file`, async () => {
      const { code, out, said } = await run(words)
      assert.equal(code, 2, said)
      const [, material = ''] = pem.split('\n')
      for (const part of [material.slice(0, 12), material.slice(-12)]) assert.ok(!`${out}${said}`.includes(part), said)
    })

  const refusals: readonly (readonly [ErrorCode, Record<string, string>, number])[] = [
    ['unauthenticated', { detail: 'no token' }, 2],
    ['not_found', { what: 'endpoint', id: 'iris' }, 2],
    ['conflict', { detail: 'it is frozen' }, 2],
    ['gate_refused', { model: 'm', version: '3', alias: 'production', detail: 'loss' }, 1],
    ['internal', {}, 3],
    ['unavailable', { detail: 'it stops' }, 3],
  ]
  for (const [code, data, exit] of refusals)
    it(`ends with ${exit} where the server says ${code}, with the request and what to do`, async () => {
      const refusal = problem(code, data)
      server.answer(servingApi.deploy, refusal)
      const { code: ended, out, said } = await run(['deploy', 'iris', '3'])
      assert.deepEqual([ended, out], [exit, ''])
      assert.equal(said, `slipway: ${refusal.message} (request req_1)\n${refusal.help}\n`)
    })

  it('prints the result as JSON alone, or as lines', async () => {
    server.answer(servingApi.deploy, endpoint())
    assert.deepEqual(await run(['deploy', 'iris', '3']), { code: 0, out: 'iris answers with version 3\n', said: '' })
    const { out, said } = await run(['deploy', 'iris', '3', '--json'])
    assert.deepEqual([JSON.parse(out), said], [endpoint(), ''])
  })

  it('ends with 1 where a check found something', async () => {
    const verdict = {
      ok: false,
      seq: 2,
      reason: 'cut',
      checkpoints: { count: 0, newest: null, copied: 0, others: 0 },
      restored: [],
    }
    server.answer(authApi.verifyAudit, verdict)
    const { code, out } = await run(['audit', 'verify', '--json'])
    assert.deepEqual([code, JSON.parse(out)], [1, verdict])
  })

  it('ends with 3 where no server is, and says how to start one', async () => {
    await refused(
      ['models', '--data', 'nowhere'],
      3,
      /no server runs in \S+nowhere\nStart one: slipway serve --data \S+nowhere\n$/,
    )
    await refused(
      ['models', '--url', 'http://127.0.0.1:1'],
      3,
      /no answer from http:\/\/127\.0\.0\.1:1: .*\nIs the server running/,
    )
    assert.equal(existsSync(join(server.data, 'nowhere')), false)
  })

  it('tells a stack only to those who debug it', async () => {
    const { said, code } = await run(['models', '--data', 'nowhere'], { SLIPWAY_LOG_LEVEL: 'debug' })
    assert.equal(code, 3)
    assert.match(said, /no server runs in [^]*\n\s+at connect /)
  })

  it('names an argument that is a folder, is none, or may not be there', async () => {
    writeFileSync(join(server.data, 'file'), 'x')
    await refused(['models', 'policy', 'm', '--set=file/a.yaml'], 2, /file\/a\.yaml is not in a folder\n$/)
    await refused(['predict', 'iris', '@file/rows'], 2, /file\/rows is not in a folder\n$/)
    await refused(['init', 'file'], 2, /file is a file and no folder\n$/)
  })

  it('follows a log to its end, text for text', async () => {
    const events = ['one\n', 'two ü €', '', '\n\n"three"\n'].map(
      (text, i) => `id: 1:${i}\nevent: log\ndata: ${JSON.stringify({ attempt: 1, offset: i, text })}\n\n`,
    )
    server.answer(pipelinesApi.followLogs, `: hello\n\n${events.join('')}event: end\ndata: {}\n\n`)
    const { code, out, said } = await run(['logs', 'run_1', 'train', '--follow'])
    assert.deepEqual([code, out, said], [0, 'one\ntwo ü €\n\n"three"\n', ''])
  })
})

describe('slipway serve', { concurrency: 4 }, () => {
  const cases: readonly (readonly [words: readonly string[], said: RegExp, env?: Record<string, string>])[] = [
    [['--no-auth', '--host', '0.0.0.0'], /--no-auth makes everyone admin and is refused on 0\.0\.0\.0/],
    [['--gateway-tls-cert', 'c.pem'], /--gateway-tls-cert and --gateway-tls-key belong together/],
    [['--gateway-tls-key', 'k.pem'], /--gateway-tls-cert and --gateway-tls-key belong together/],
    [['--port', '65536'], /--port is "65536"; expected a whole number from 0 to 65535/],
    [['--gateway-port', 'x'], /--gateway-port is "x"; expected/],
    [['--gateways', '65'], /--gateways is "65"; expected a whole number from 0 to 64/],
    [[], /SLIPWAY_STEP_MEMORY_TOTAL is "much"; expected a size/, { SLIPWAY_STEP_MEMORY_TOTAL: 'much' }],
    [[], /SLIPWAY_STEP_CPUS_TOTAL is "0"; expected a whole number/, { SLIPWAY_STEP_CPUS_TOTAL: '0' }],
    [[], /SLIPWAY_STEP_MEMORY is "0\.4"; expected a size, for example 4Gi/, { SLIPWAY_STEP_MEMORY: '0.4' }],
    [[], /SLIPWAY_LOST_AFTER_MINUTES is "0"; expected a number greater than 0/, { SLIPWAY_LOST_AFTER_MINUTES: '0' }],
    [[], /SLIPWAY_LLM_CALLS_DAYS is "-1"; expected a number greater than 0/, { SLIPWAY_LLM_CALLS_DAYS: '-1' }],
    [[], /SLIPWAY_LLM_CONTENT_DAYS is "x"; expected/, { SLIPWAY_LLM_CONTENT_DAYS: 'x' }],
    [[], /SLIPWAY_BLOB_GRACE_HOURS is "a day"; expected/, { SLIPWAY_BLOB_GRACE_HOURS: 'a day' }],
  ]
  for (const [index, [words, said, env]] of cases.entries())
    it(`refuses ${[...words, ...Object.entries(env ?? {}).flat()].join(' ')}`, async () => {
      const data = join(server.data, `serve-${index}`)
      await refused(['serve', '--data', data, ...words], 2, said, env)
      const left = existsSync(data) ? readdirSync(data) : []
      assert.ok(!left.includes('server.json') && !left.includes('token'), left.join(', '))
    })
})

describe('a command that lacks an argument', () => {
  const lacking: readonly (readonly [words: string, said: RegExp])[] = [
    ['explain', /explain needs a run/],
    ['logs run_1', /logs needs a run and a step/],
    ['diff 1', /diff needs two runs/],
    ['reproduce', /reproduce needs a model/],
    ['restore', /restore needs a file/],
    ['export', /export needs a file/],
    ['batch-predict m in.csv', /batch-predict needs a model, an input and an output/],
  ]
  for (const [words, says] of lacking)
    it(`is told so: ${words}`, () => assert.rejects(server.slipway(...words.split(' ')), usage(says)))
})
