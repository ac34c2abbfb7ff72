/** The web UI's files: assets as they are, the shell for every page path, nothing from outside the folder. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { staticFiles } from './static.ts'

describe('static files', () => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-static-'))
  const web = join(root, 'web')
  mkdirSync(join(web, 'assets'), { recursive: true })
  writeFileSync(join(web, 'index.html'), '<p>shell</p>')
  writeFileSync(join(web, 'assets', 'a.js'), '1')
  mkdirSync(join(root, 'web-other'))
  writeFileSync(join(root, 'web-other', 'x.js'), 'secret')
  writeFileSync(join(root, 'secret.txt'), 'secret')
  const serve = staticFiles(web)
  after(() => rmSync(root, { recursive: true, force: true }))

  test('an asset is kept for ever, a missing one is none', async () => {
    const found = await serve('/assets/a.js')
    assert.match(found?.headers['cache-control'] ?? '', /immutable/)
    assert.equal(found?.headers['x-content-type-options'], 'nosniff')
    assert.equal(await serve('/assets/b.js'), undefined)
  })
  for (const path of ['/', '/models', '/models/iris.v2', '/endpoints/a.b']) {
    test(`the page ${path} gets the shell under its policy`, async () => {
      const found = await serve(path)
      assert.equal(String(found?.body as Buffer), '<p>shell</p>')
      assert.match(found?.headers['content-security-policy'] ?? '', /frame-ancestors 'none'/)
    })
  }
  for (const [path, type] of [
    ['/assets/a.js', 'text/javascript; charset=utf-8'],
    ['/assets/a.css', 'text/css; charset=utf-8'],
    ['/icon.svg', 'image/svg+xml'],
    ['/data.unknown', 'application/octet-stream'],
  ] as const) {
    test(`${path} is ${type}, and nothing else`, async () => {
      writeFileSync(join(web, path), 'x')
      const found = await serve(path)
      assert.equal(found?.headers['content-type'], type)
      assert.equal(found.headers['cache-control']?.includes('immutable'), path.startsWith('/assets/'))
    })
  }

  test('a file whose name is escaped is found by its name', async () => {
    writeFileSync(join(web, 'two words.svg'), '<svg/>')
    assert.equal((await serve('/two%20words.svg'))?.headers['content-type'], 'image/svg+xml')
  })

  test('a folder is a page, not a list of its files', async () => {
    mkdirSync(join(web, 'folder.d'), { recursive: true })
    assert.equal(String((await serve('/folder.d'))?.body as Buffer), '<p>shell</p>')
    assert.equal(await serve('/assets/'), undefined)
  })

  test('without a build there are no pages', async () => {
    const none = staticFiles(join(root, 'none'))
    for (const path of ['/', '/models', '/assets/a.js']) assert.equal(await none(path), undefined)
  })

  for (const path of [
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/assets/../../secret.txt',
    '/a%00.js',
    '/%zz',
    '/..%2fsecret.txt',
    '/%252e%252e/secret.txt/../../../secret.txt',
    '/../web-other/x.js',
  ]) {
    test(`${path} gives nothing`, async () => assert.equal(await serve(path), undefined))
  }
})
