/** Sources of versions: what each form names, and that no spelling of a relative part, a NUL or this server's address gets by. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Problem } from '../../contract/errors.ts'
import { prng } from '../../stats/prng.ts'
import { localPath, readSource } from './source-uri.ts'
import type { SourceUri } from './source-uri.ts'

const version = (name: string, suffix: string, alias = false): SourceUri => ({ kind: 'version', name, suffix, alias })
const run = (run_id: string, path: string): SourceUri => ({ kind: 'run', run_id, path })
const local = (path: string): SourceUri => ({ kind: 'local', path })
const FOREIGN: SourceUri = { kind: 'foreign' }

describe('what a source names', () => {
  const CASES: readonly (readonly [string, SourceUri])[] = [
    ['models:/m-0123', { kind: 'logged_model', model_id: 'm-0123' }],
    ['models:/flights/3', version('flights', '3')],
    ['models:/flights/Production', version('flights', 'Production')],
    ['models:/flights@champion', version('flights', 'champion', true)],
    ['models:/a@b@champion', version('a@b', 'champion', true)],
    ['MODELS:/flights/3', version('flights', '3')],
    ['models:///flights/3', version('flights', '3')],
    ['runs:/abc', run('abc', '')],
    ['runs:/abc/model', run('abc', 'model')],
    ['runs:/abc/model/deep//', run('abc', 'model/deep')],
    ['mlflow-artifacts:/1/abc/artifacts/model', { kind: 'proxied', uri: 'mlflow-artifacts:/1/abc/artifacts/model' }],
    ['s3://bucket/key', FOREIGN],
    ['https://example.com/model', FOREIGN],
    ['gs://bucket/a%20b', FOREIGN],
    ['dbfs:/models/x', FOREIGN],
    ['/var/models/x', local('/var/models/x')],
    ['file:///var/models/x/', local('/var/models/x')],
    ['file://localhost/var/x', local('/var/x')],
    ['FILE:/var/x', local('/var/x')],
    ['file:///var/a/../b', local('/var/b')],
    ['/var/a/%2e%2e/b', local('/var/b')],
    ['relative/path', local('')],
    ['file:relative', local('')],
    ['', local('')],
    ['C:\\models\\x', local('')],
  ]
  for (const [source, named] of CASES) {
    test(source === '' ? 'an empty one' : source, () => assert.deepEqual(readSource(source), named))
  }
})

const RELATIVE = /an absolute path must be provided without relative path references/
const UNFIT = /The (model_id|run_id) request parameter must identify the resource/

describe('what is refused', () => {
  const CASES: readonly (readonly [string, RegExp])[] = [
    ['s3://bucket/../other', RELATIVE],
    ['s3://bucket/a/./b', RELATIVE],
    ['s3://bucket/a/%2e%2e/b', RELATIVE],
    ['s3://bucket/a/%252e%252e/b', RELATIVE],
    ['s3://bucket/a%2f..%2fb', RELATIVE],
    ['s3://bucket/a\\..\\b', RELATIVE],
    ['s3://bucket/a%5c..%5cb', RELATIVE],
    ['s3://bucket/a\0b', RELATIVE],
    ['s3://bucket/a%00b', RELATIVE],
    ['s3://bucket', RELATIVE],
    ['s3:key', RELATIVE],
    ['https://example.com/a?x=/../b', RELATIVE],
    ['runs:/abc/../def', RELATIVE],
    ['runs:/abc/%2E%2E/def', RELATIVE],
    ['mlflow-artifacts:/1/../2', RELATIVE],
    ['models:/', UNFIT],
    ['models://host/flights/3', UNFIT],
    ['models:/flights/3/more', UNFIT],
    ['models:/flights/', UNFIT],
    ['models:/@champion', UNFIT],
    ['models:/flights@', UNFIT],
    ['models:/ /3', UNFIT],
    ['runs:/', UNFIT],
    ['runs://host/abc', UNFIT],
    ['http://127.0.0.1:5000/api/2.0/mlflow-artifacts/artifacts/1/abc', UNFIT],
    ['https://any.host/mlflow-artifacts/artifacts', UNFIT],
    ['file://host.example/share', /is not a valid remote uri/],
    ['file://10.0.0.1/share', /is not a valid remote uri/],
    [`s3://bucket/${'x'.repeat(4096)}`, /it has 4108 characters/],
  ]
  for (const [source, reason] of CASES) {
    test(source.slice(0, 60).replaceAll('\0', 'NUL'), () => {
      assert.throws(
        () => readSource(source),
        (error: Problem) => {
          assert.ok(error.status < 500 || /remote uri/.test(String(error.data['detail'])), 'a mistake of the caller')
          assert.match(String(error.data['detail']), reason)
          return true
        },
      )
    })
  }
})

test('however its relative parts are written, no accepted source holds one when it is decoded to the end', () => {
  const random = prng(11)
  const pieces = ['..', '%2e', '%252e', '.', '/', '%2f', '%5c', '\\', 'a', 'b', '+', '%00', '@', 'artifacts', '%41']
  const heads = ['s3://bucket/', 'runs:/abc/', 'mlflow-artifacts:/1/', 'https://h/', 'file:///', '/']
  let accepted = 0
  for (let i = 0; i < 3000; i++) {
    const body = Array.from({ length: 1 + random.below(6) }, () => pieces[random.below(pieces.length)]).join('')
    const source = `${heads[random.below(heads.length)]}${body}`
    let read: SourceUri
    try {
      read = readSource(source)
    } catch (error) {
      assert.ok((error as Problem).code !== undefined, `${source}: ${String(error)}`)
      continue
    }
    accepted++
    let plain = read.kind === 'local' ? read.path : source
    for (let round = 0; round < 5; round++)
      plain = plain.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    // on a disk of ours a backslash is a letter of a name
    assert.ok(!plain.split(read.kind === 'local' ? '/' : /[/\\]/).includes('..'), source)
    if (read.kind !== 'local') assert.ok(!plain.includes('\0'), source)
  }
  assert.ok(accepted > 300, `${accepted} were accepted`)
})

test('a local path has one normal form, and none where it is not absolute or of another host', () => {
  const CASES: Readonly<Record<string, string>> = {
    '/a//b/./c/': '/a/b/c',
    '/a/../../b': '/b',
    'file:///a%20b': '/a b',
    '/a+b': '/a b',
    '//host/share': '',
    'file:////host/share': '',
    'file://host/share': '',
    'a/b': '',
    '': '',
  }
  for (const [source, path] of Object.entries(CASES)) assert.equal(localPath(source), path, source)
})
