/** What counts as missing, and that nothing else does. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ifFound, ifGone, ifJson, ifMissing, ifMissingNow, ifReadable, ifRefused } from './absent.ts'
import { ERRORS, problem } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'

test('a name that nothing has is undefined; every other refusal and every fault goes up', async () => {
  assert.equal(await ifFound(Promise.resolve(0)), 0)
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const asked = ifFound(Promise.reject(problem(code)))
    if (['not_found', 'bad_request', 'invalid_field'].includes(code)) assert.equal(await asked, undefined, code)
    else await assert.rejects(asked, { code })
  }
  // faults of drivers have codes too
  await assert.rejects(
    ifFound(Promise.reject(Object.assign(new Error('not there'), { code: 'not_found' }))),
    /not there/,
  )
})

test('only the refusals that are named count', async () => {
  assert.equal(await ifRefused(Promise.reject(problem('unauthenticated')), 'unauthenticated'), undefined)
  await assert.rejects(ifRefused(Promise.reject(problem('unavailable')), 'unauthenticated'), { code: 'unavailable' })
})

test('a file that is not there is undefined; one that cannot be read is a fault', async () => {
  const here = import.meta.filename
  assert.equal(await ifMissing(readFile(`${here}.none`)), undefined)
  assert.equal(await ifMissing(readFile(join(here, 'below'))), undefined)
  assert.match(String(await ifMissing(readFile(here))), /cannot be read/)
  await assert.rejects(ifMissing(readFile(import.meta.dirname)), { code: 'EISDIR' })
  assert.equal(await ifMissing(readdir(`${here}.none`)), undefined)
})

test('what may not be read is as if it were not there; what else fails goes up', async () => {
  const failing = (code: string) => ifReadable(Promise.reject(Object.assign(new Error(code), { code })))
  for (const code of ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM']) assert.equal(await failing(code), undefined)
  for (const code of ['EIO', 'ESRCH', 'EMFILE']) await assert.rejects(failing(code), { code })
})

test('the same of a file that is read at once', () => {
  const here = import.meta.filename
  assert.equal(
    ifMissingNow(() => readFileSync(`${here}.none`)),
    undefined,
  )
  assert.match(String(ifMissingNow(() => readFileSync(here))), /cannot be read/)
  assert.throws(() => ifMissingNow(() => readFileSync(import.meta.dirname)), { code: 'EISDIR' })
})

test('a process that has ended, or is not ours, gives nothing; what else fails goes up', () => {
  assert.equal(
    ifGone(() => process.kill(process.pid, 0)),
    true,
  )
  const failing = (code: string) => () => ifGone(() => assert.fail(Object.assign(new Error(code), { code })))
  for (const code of ['ESRCH', 'EPERM', 'EACCES', 'ENOENT']) assert.equal(failing(code)(), undefined)
  for (const code of ['EIO', 'EINVAL', 'EMFILE']) assert.throws(failing(code), { code })
})

test('a text that is no JSON is undefined', () => {
  assert.deepEqual(ifJson('{"a":[1]}'), { a: [1] })
  assert.equal(ifJson('null'), null)
  for (const text of ['', '{', 'undefined', "{'a':1}"]) assert.equal(ifJson(text), undefined)
})
