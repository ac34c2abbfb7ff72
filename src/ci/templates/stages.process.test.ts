/** The lines that make an image, run by the shells of the three systems: the login, the arguments, and that nothing of it stays. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { ownLogin } from './gitlab.ts'
import { imageLines } from './stages.ts'
import type { ImagePlace } from './stages.ts'

const PROJECT = { folder: 'models/tides', oidc: false }
const IMAGE: ImagePlace = {
  repository: 'registry.example.org:5000/team/tides',
  wheels: undefined,
  signed: false,
  serves: false,
}
type Env = Readonly<Record<string, string>>
const LOGIN = { user: 'REGISTRY_USER', password: 'REGISTRY_PASSWORD' }

describe('the lines of an image', () => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-lines-'))
  const temporary = join(root, 'tmp')
  let commit = ''
  before(() => {
    mkdirSync(temporary)
    mkdirSync(join(root, 'bin'))
    const said = `#!/bin/sh
printf '%s\\n' "$@" >> '${root}/arguments'
[ "$2" != sign ] || cat "$5" > '${root}/key'
[ -z "\${DOCKER_CONFIG:-}" ] || { cat "$DOCKER_CONFIG/config.json" > '${root}/config'; stat -c %a "$DOCKER_CONFIG" > '${root}/rights'; }
exit "\${ENDS:-0}"
`
    writeFileSync(join(root, 'bin/slipway'), said, { mode: 0o755 })
    const git = (...words: string[]): string => execFileSync('git', words, { cwd: root, encoding: 'utf8' }).trim()
    git('init', '-q')
    git('-c', 'user.name=ada', '-c', 'user.email=ada@example.org', 'commit', '-q', '--allow-empty', '-m', 'x')
    commit = git('rev-parse', 'HEAD')
  })
  after(() => rmSync(root, { recursive: true, force: true }))

  function run(shell: string, image: ImagePlace, env: Env, first: readonly string[] = []): number | null {
    for (const name of ['arguments', 'config', 'rights', 'key']) rmSync(join(root, name), { force: true })
    const { status } = spawnSync(shell, ['-e', '-c', [...first, ...imageLines(PROJECT, image, LOGIN)].join('\n')], {
      cwd: root,
      env: { PATH: `${join(root, 'bin')}:${process.env['PATH']}`, TMPDIR: temporary, ...env },
    })
    return status
  }
  const written = (name: string): string => readFileSync(join(root, name), 'utf8').trim()

  for (const shell of ['bash', 'sh']) {
    it(`log in by ${shell}, whatever letters the password has, and leave nothing behind`, () => {
      for (const password of ['secret-12345', `p%s "q" \\n 'r' $HOME ü`, 'x'.repeat(400)]) {
        assert.equal(run(shell, IMAGE, { REGISTRY_USER: 'robot', REGISTRY_PASSWORD: password }), 0)
        const auth = Buffer.from(`robot:${password}`).toString('base64')
        assert.deepEqual(JSON.parse(written('config')), { auths: { 'registry.example.org:5000': { auth } } })
        assert.equal(written('rights'), '700')
        assert.deepEqual(readdirSync(temporary), [])
      }
      assert.equal(run(shell, IMAGE, { REGISTRY_USER: 'robot', REGISTRY_PASSWORD: 'secret-12345', ENDS: '3' }), 3)
      assert.deepEqual(readdirSync(temporary), [], 'nor where the build fails')
    })

    it(`give the login of GitLab's job by ${shell} to GitLab's own registry alone`, () => {
      const job = { CI_REGISTRY_USER: 'gitlab-ci-token', CI_REGISTRY_PASSWORD: 'of-the-job' }
      const own = { REGISTRY_USER: 'robot', REGISTRY_PASSWORD: 'of-the-project' }
      const authOf = (env: Env): string => {
        assert.equal(run(shell, IMAGE, env, ownLogin(IMAGE)), 0)
        return existsSync(join(root, 'config')) ? written('config') : ''
      }
      const here = authOf({ ...job, ...own, CI_REGISTRY: 'registry.example.org:5000' })
      assert.ok(here.includes(Buffer.from('gitlab-ci-token:of-the-job').toString('base64')), here)
      const away = authOf({ ...job, ...own, CI_REGISTRY: 'registry.gitlab.example' })
      assert.ok(away.includes(Buffer.from('robot:of-the-project').toString('base64')), away)
      assert.equal(authOf({ ...job, CI_REGISTRY: 'registry.gitlab.example' }), '')
    })

    it(`need no login by ${shell}`, () => {
      assert.equal(run(shell, IMAGE, {}), 0)
      assert.equal(existsSync(join(root, 'config')), false)
    })

    it(`name by ${shell} the folder, the commit as the tag, and wheels that the project keeps`, () => {
      const to = `${IMAGE.repository}:${commit}`
      run(shell, IMAGE, {})
      assert.deepEqual(written('arguments').split('\n'), [
        'image',
        'build',
        'models/tides',
        '--for',
        'step',
        '--attest',
        '--push',
        to,
      ])
      run(shell, { ...IMAGE, wheels: 'wheels' }, {})
      assert.match(written('arguments'), /--wheels\nmodels\/tides\/wheels\n--attest/)
    })

    it(`sign by ${shell} what was pushed, by a key that is a text or a file, and keep neither it nor an unsigned image quiet`, () => {
      const signed = { ...IMAGE, signed: true, serves: false }
      const key = '-----BEGIN PRIVATE KEY-----\nMIG%s\\n$HOME\n-----END PRIVATE KEY-----'
      const file = join(root, 'key.pem')
      writeFileSync(file, key)
      for (const given of [key, file]) {
        assert.equal(run(shell, signed, { SLIPWAY_IMAGE_KEY: given }), 0)
        const [, second = ''] = written('arguments').split(`${IMAGE.repository}:${commit}`)
        assert.match(second, /^\nimage\nsign\n$/)
        assert.equal(written('key'), key)
        assert.deepEqual(readdirSync(temporary), [])
      }
      // a docker configuration of the runner is not this job's
      const own = join(root, 'docker')
      mkdirSync(own, { recursive: true })
      writeFileSync(join(own, 'config.json'), '{}')
      assert.equal(run(shell, signed, { SLIPWAY_IMAGE_KEY: key, DOCKER_CONFIG: own }), 0)
      assert.equal(existsSync(join(own, 'config.json')), true)
      assert.equal(run(shell, signed, { ENDS: '3' }), 3)
      assert.equal(existsSync(join(root, 'key')), false, 'what was not built is not signed')
    })

    it(`make by ${shell} an image that answers, sign it and tell the server, in this order`, () => {
      const to = `${IMAGE.repository}:${commit}`
      assert.equal(run(shell, { ...IMAGE, signed: true, serves: true }, { SLIPWAY_IMAGE_KEY: 'key' }), 0)
      const [, ...calls] = written('arguments').split(/^image$/m)
      const words = calls.map((one) => one.trim().split('\n'))
      assert.deepEqual(
        words.map(([act]) => act),
        ['build', 'sign', 'build', 'sign', 'record'],
      )
      assert.deepEqual(words[2], [
        'build',
        'models/tides',
        '--registered',
        '--for',
        'serve',
        '--attest',
        '--push',
        `${to}-serve`,
      ])
      assert.deepEqual([words[3]?.[1], words[4]], [`${to}-serve`, ['record', `${to}-serve`]])
      run(shell, { ...IMAGE, serves: true }, {})
      assert.doesNotMatch(written('arguments'), /^sign$/m)
    })
  }
})
