/** Whose a tree is: who has stored it lately, or uses it; nobody else is told that it is there. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { temporaryFolder } from '../../../test/fixtures/folder.ts'
import { openStore } from '../open.ts'
import { keepOwner, requireOwn } from './owners.ts'

const store = await openStore({ dataDir: join(temporaryFolder('owners'), 'data') })
after(() => store.db.close())
const { db } = store
const tree = (digit: string) => ({ digest: `sha256:${digit.repeat(64)}`, size: 1, files: 1 })
const WEEK = 7 * 24 * 3_600_000

const takes = (project: string | null, digest: string, uses = false): Promise<unknown> =>
  requireOwn(db, { project }, digest, async (asked) => uses && asked === project).then(
    () => 'taken',
    (error: { code: string; message: string }) => [error.code, error.message],
  )
const missing = (digest: string) => ['not_found', `tree "${digest}" does not exist`]

test('a tree is taken up by the project that has stored it, by one that uses it, and by callers of all projects', async () => {
  const { digest } = await keepOwner(db, { project: 'mine' }, tree('a'), 5)
  assert.equal(await takes('mine', digest), 'taken')
  assert.deepEqual(await takes('other', digest), missing(digest))
  assert.equal(await takes('other', digest, true), 'taken')
  assert.equal(await takes(null, digest), 'taken')
  assert.deepEqual(await takes('mine', tree('b').digest), missing(tree('b').digest), 'as one that nobody has')
})

test('what a caller of all projects stores belongs to no project', async () => {
  const { digest } = await keepOwner(db, { project: null }, tree('c'), 5)
  assert.deepEqual(await takes('mine', digest), missing(digest))
})

test('a tree that was not stored for a week is forgotten, one that was stored again is not', async () => {
  const [old, again] = [tree('d'), tree('e')]
  for (const one of [old, again]) await keepOwner(db, { project: 'mine' }, one, 1000)
  await keepOwner(db, { project: 'mine' }, again, 2000)
  await keepOwner(db, { project: 'mine' }, tree('f'), 1000 + WEEK)
  assert.equal(await takes('mine', old.digest), 'taken')
  await keepOwner(db, { project: 'mine' }, tree('f'), 1001 + WEEK)
  assert.deepEqual(await takes('mine', old.digest), missing(old.digest))
  assert.equal(await takes('mine', again.digest), 'taken')
})
