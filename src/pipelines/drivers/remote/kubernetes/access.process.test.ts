/** How a cluster is reached: what a kubeconfig and a pod say, what is refused by name, and credentials that change under us. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { stringify } from 'yaml'
import { readAccess } from './access.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-kubeconfig-'))
after(() => rmSync(root, { recursive: true, force: true }))

function written(user: object, cluster: object = {}, more: object = {}): string {
  const path = join(root, 'kubeconfig')
  const file = {
    'current-context': 'one',
    clusters: [{ name: 'c', cluster: { server: 'https://api.example.org:6443/', ...cluster } }],
    users: [{ name: 'u', user }],
    contexts: [
      { name: 'one', context: { cluster: 'c', user: 'u', namespace: 'team' } },
      { name: 'two', context: { cluster: 'c', user: 'u' } },
      { name: 'lost', context: { cluster: 'nowhere', user: 'u' } },
    ],
    ...more,
  }
  writeFileSync(path, stringify(file))
  return path
}

test('a kubeconfig gives address, namespace, credentials and authority, in itself or in files beside it', () => {
  const data = Buffer.from('-----CA-----').toString('base64')
  const inside = readAccess(
    written({ token: 't' }, { 'certificate-authority-data': data, 'tls-server-name': 'k' }),
    undefined,
  )
  assert.deepEqual(inside, {
    url: 'https://api.example.org:6443',
    namespace: 'team',
    headers: { authorization: 'Bearer t' },
    tls: { ca: '-----CA-----', servername: 'k' },
  })
  for (const name of ['ca', 'cert', 'key']) writeFileSync(join(root, name), `${name} of a file`)
  const files = { 'client-certificate': 'cert', 'client-key': join(root, 'key') }
  const beside = readAccess(written(files, { 'certificate-authority': 'ca' }), 'two')
  assert.equal(beside.namespace, 'default')
  assert.deepEqual(beside.headers, {})
  assert.deepEqual(beside.tls, { ca: 'ca of a file', cert: 'cert of a file', key: 'key of a file' })
})

test('a token file is read as it is now', () => {
  const path = written({ tokenFile: 'token' })
  for (const token of ['first', 'second']) {
    writeFileSync(join(root, 'token'), `${token}\n`)
    assert.deepEqual(readAccess(path, undefined).headers, { authorization: `Bearer ${token}` })
  }
})

test('what is not done is refused by name, with what to do instead', () => {
  const refused: [object, object, RegExp][] = [
    [{ exec: { command: 'aws' } }, {}, /exec in .*kubeconfig is not supported: .*service account/],
    [{ 'auth-provider': { name: 'gcp' } }, {}, /auth-provider in .*service account/],
    [{ username: 'a', password: 'b' }, {}, /username in .*passwords/],
    [{ token: 't', as: 'admin' }, {}, /as in .*acts as itself/],
    [{ token: 't' }, { 'insecure-skip-tls-verify': true }, /insecure-skip-tls-verify in .*certificate-authority/],
    [{ token: 't' }, { 'proxy-url': 'http://p' }, /proxy-url in .*directly/],
    [{ token: 't' }, { server: 'nowhere' }, /no server that is an address/],
    [{ tokenFile: 'missing' }, {}, /there is no .*missing/],
  ]
  for (const [user, cluster, message] of refused)
    assert.throws(() => readAccess(written(user, cluster), undefined), { code: 'upstream_failed', message })
  assert.equal(readAccess(written({ token: 't' }, { 'insecure-skip-tls-verify': false }), undefined).namespace, 'team')
})

test('a file that is none, or names what it does not have, is told', () => {
  const path = written({ token: 't' })
  assert.throws(() => readAccess(path, 'three'), /has no context "three"/)
  assert.throws(() => readAccess(path, 'lost'), /has no cluster "nowhere"/)
  assert.throws(() => readAccess(written({}, {}, { 'current-context': '' }), undefined), /SLIPWAY_KUBERNETES_CONTEXT/)
  assert.throws(() => readAccess(join(root, 'nothing'), undefined), /there is no .*nothing/)
  for (const text of ['', '{', '5', '- a']) {
    writeFileSync(path, text)
    assert.throws(() => readAccess(path, undefined), { code: 'upstream_failed' }, text)
  }
})

test('a pod gives its service account, and a server that runs in none says so', () => {
  assert.throws(() => readAccess('in-cluster', undefined, root), /runs in no pod/)
  process.env['KUBERNETES_SERVICE_HOST'] = 'fd00::1'
  try {
    for (const [name, text] of [
      ['token', 'mine\n'],
      ['ca.crt', 'CA'],
      ['namespace', 'ml'],
    ] as const)
      writeFileSync(join(root, name), text)
    const expected = {
      url: 'https://[fd00::1]:443',
      namespace: 'ml',
      headers: { authorization: 'Bearer mine' },
      tls: { ca: 'CA' },
    }
    assert.deepEqual(readAccess('in-cluster', undefined, root), expected)
  } finally {
    delete process.env['KUBERNETES_SERVICE_HOST']
  }
})
