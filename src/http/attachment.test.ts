/** The headers of what a browser is to save: the name that it gets, and that nothing is shown or run. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attachmentHeaders } from './attachment.ts'

test('the file has the last part of the path as its name, in a form that no header misreads', () => {
  for (const [path, expected] of [
    ['model.pkl', 'attachment; filename=model.pkl'],
    ['deep/er/a-1_b.csv', 'attachment; filename=a-1_b.csv'],
    ['c:\\deep\\a.csv', 'attachment; filename=a.csv'],
    ['x"; filename=evil', `attachment; filename="x__ filename_evil"; filename*=UTF-8''x%22%3B%20filename%3Devil`],
    ["ü's (1)*.txt", `attachment; filename="__s (1)_.txt"; filename*=UTF-8''%C3%BC%27s%20%281%29%2A.txt`],
    ['a\r\nset-cookie: b', `attachment; filename="a__set-cookie_ b"; filename*=UTF-8''a%0D%0Aset-cookie%3A%20b`],
  ] as const)
    assert.equal(attachmentHeaders(path)['content-disposition'], expected, path)
})

test('the type is what is said, or bytes; a size is told where it is known, 0 too', () => {
  const sandboxed = { 'content-security-policy': "sandbox; default-src 'none'", 'x-content-type-options': 'nosniff' }
  const common = { 'content-disposition': 'attachment; filename=a', ...sandboxed }
  assert.deepEqual(attachmentHeaders('a'), { 'content-type': 'application/octet-stream', ...common })
  assert.deepEqual(attachmentHeaders('a', { type: 'text/csv', size: 0 }), {
    'content-type': 'text/csv',
    'content-length': '0',
    ...common,
  })
})
