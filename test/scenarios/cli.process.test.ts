/** The command line given what it does not expect: one clear line, the right exit code, results and talk on streams of their own. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { runProgram } from '../../src/cli/program.fixture.ts'
import type { Ended } from '../../src/cli/program.fixture.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'

describe('the command line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-cli-'))
  let server: TestServer
  before(async () => {
    server = await startTestServer({ gateways: 1 })
  })
  after(async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  function slipway(
    words: readonly string[],
    more: { env?: Record<string, string>; deaf?: boolean } = {},
  ): Promise<Ended> {
    const env = { SLIPWAY_DATA: server.data, ...more.env }
    return runProgram(words, { cwd: folder, env, deaf: more.deaf ?? false })
  }

  /** Refused by a line that says this, with nothing on standard output. */
  async function refused(words: readonly string[], says: RegExp, code = 2): Promise<void> {
    const ended = await slipway(words)
    assert.match(ended.said, says, words.join(' '))
    assert.deepEqual([ended.code, ended.out], [code, ''], `${words.join(' ')}: ${ended.said}`)
    assert.doesNotMatch(ended.said, /\n\s+at /, 'no stack trace')
  }

  test('a reader that goes (`| head`) is no fault', async () => {
    for (const words of [['--help'], ['models'], ['audit', '--json'], ['env']]) {
      const { code, said } = await slipway(words, { deaf: true })
      assert.deepEqual([code, said], [0, ''], words.join(' '))
    }
  })

  test('flags and arguments that a command does not know are named, with the help of that command', async () => {
    await refused(['models', '--wrong'], /there is no flag '--wrong'\nslipway models --help shows the usage\.\n$/)
    await refused(['models', '--data'], /'--data <value>' argument missing/)
    await refused(['models', 'a', '1', 'more'], /"more" is one argument too many/)
    await refused(['import', 'mlflow', 'sqlite:///a.db', 'more'], /"more" is one argument too many/)
    await refused(['env', 'more'], /"more" is one argument too many/)
    await refused(['nothing'], /there is no command "nothing"; slipway --help lists them\n$/)
    await refused(
      ['models', '--url', 'nonsense'],
      /the server address of --url is "nonsense"; expected one that begins with http/,
    )
    for (const words of [
      ['help', 'models'],
      ['models', '-h'],
      ['models', '--help', 'a', 'b', 'c'],
    ])
      assert.match((await slipway(words)).out, /^List models.*\n\nUsage: slipway models /)
  })

  test('a file that is not there, or is a folder, is a mistake of the caller', async () => {
    await refused(['models', 'policy', 'm', '--set', 'none.yaml'], /none\.yaml does not exist\n$/)
    await refused(['models', 'sign', 'm/1', '--key=none.pem'], /none\.pem does not exist\n$/)
    await refused(['predict', 'm', '@none.json'], /none\.json does not exist\n$/)
    await refused(['rollout', 'simulate', '.'], /a folder is named where a file is expected\n$/)
    await refused(['import', '.'], /a folder is named where a file is expected\n$/)
    await refused(['backup', 'no-folder/a.tar'], /the folder of no-folder\/a\.tar does not exist\n$/)
    await refused(['run', 'none'], /there is no slipway\.yaml in .*none; slipway init makes one/)
    await refused(['import', 'wandb', '.'], /holds no runs of wandb/)
    await refused(['import', 'wandb', 'none'], /folder of wandb runs ".*none" does not exist/)
    writeFileSync(join(folder, 'no.pem'), 'no key')
    await refused(
      ['models', 'sign', 'm/1', '--key', 'no.pem'],
      /--key is "no\.pem", which is no PEM file of a private key/,
    )
    await refused(['models', 'verify', 'm/1', '--key', 'no.pem'], /which is no PEM file of a public key/)
  })

  test('what is not there is told with exit code 2, whichever process says it', async () => {
    await refused(['predict', 'none', '{}'], /endpoint "none" does not exist/)
    await refused(['rollout', 'approve', 'none', '--reason', 'x'], /endpoint "none" does not exist/)
    await refused(['freeze', 'remove', 'none'], /endpoint "none" does not exist/)
    await refused(['batch-predict', 'none', 'in.csv', 'out.csv'], /model "none" does not exist/)
    assert.equal(existsSync(join(folder, 'out.csv.batch')), false)
    for (const kind of ['project', 'experiment', 'run', 'model']) {
      await refused(['export', 'none.tar', `--${kind}`, 'none'], new RegExp(`${kind} "none" does not exist`))
      assert.equal(existsSync(join(folder, 'none.tar')), false)
    }
    await refused(['predict', 'none', '{}', '--url', server.url, '--data', 'none'], /name it with --data/)
  })

  test('an address that cannot be listened on is named, with what to do', async () => {
    const port = new URL(server.url).port
    const serve = ['serve', '--data', 'other', '--gateways', '0', '--port']
    await refused([...serve, port], new RegExp(`127\\.0\\.0\\.1:${port} is taken by another program; name another`), 3)
    await refused([...serve, '0', '--host', '192.0.2.1'], /192\.0\.2\.1.* is no address of this machine/, 3)
    await refused(['serve', '--data', 'no.pem', '--port', '0'], /no\.pem is a file and no folder\n$/)
    // a gateway that cannot start ends the server, which leaves nothing behind that runs or holds its folder
    const taken = ['serve', '--data', 'other', '--port', '0', '--grpc-port', '0', '--gateway-port', port]
    for (let round = 0; round < 2; round++)
      await refused(
        taken,
        /gateway 0 did not start: listen EADDRINUSE: address already in use 127\.0\.0\.1:\d+; see /,
        3,
      )
  })

  test('what a body lacks is said in plain words', async () => {
    writeFileSync(join(folder, 'policy.yaml'), 'gates: 5\n')
    await refused(['models', 'policy', 'm', '--set', 'policy.yaml'], /body\.gates: got 5, expected array \(/)
    writeFileSync(join(folder, 'more.yaml'), 'gates: []\nnonsense: 1\n')
    await refused(['models', 'policy', 'm', '--set', 'more.yaml'], /expected no field "nonsense" \(/)
  })

  test('a search of runs needs no filter, and its columns are checked', async () => {
    const found = await slipway(['runs', '--experiment', '0', '--column', 'metrics.loss'])
    assert.match(found.out, /^run +name +status +started +metrics\.loss\n$/)
    await refused(['runs', '--filter', '', '--column', 'odd'], /--column is "odd"; expected for example metrics\.loss/)
    await refused(['runs', '--limit', 'x'], /--limit is "x"; expected a whole number from 1 to 1000/)
  })

  test('results go to standard output and talk to standard error', async () => {
    assert.equal((await slipway(['export', 'all.tar'])).code, 0)
    const { out, said } = await slipway(['import', 'all.tar'])
    assert.match(said, /verified \d+ entries/)
    assert.match(out, /^Brought in: |\nBrought in: /)
    assert.doesNotMatch(out, /verified|jsonl/)
    const json = await slipway(['import', 'all.tar', '--dry-run', '--json'])
    assert.equal((JSON.parse(json.out) as { dry_run: boolean }).dry_run, true)
  })

  test('the doctor asks whether the token of the environment holds', async () => {
    const { code, out } = await slipway(['doctor'], { env: { SLIPWAY_TOKEN: 'slw_x.y' } })
    assert.equal(code, 1)
    assert.match(out, /FAIL Token: SLIPWAY_TOKEN does not hold: no valid credential/)
    assert.match((await slipway(['doctor'], { env: { SLIPWAY_TOKEN: server.token } })).out, /of admin \(admin\)/)
  })
})
