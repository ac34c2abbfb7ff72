/** Cases: trees of artifacts and uploads in parts, in any order, within the walls of a project. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { refused, stream } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { createExperiment } from '../experiments/experiments.ts'
import { createRun } from '../runs/runs.ts'
import { deleteArtifacts, findArtifact, listFolder, openArtifact, putArtifact, reachableDigests } from './artifacts.ts'
import { abortUpload, completeUpload, createUpload, putPart } from './uploads.ts'

const DAY = 86_400_000

export function artifactCases(bench: Bench): void {
  const tree = async (who = bench.root): Promise<string> => {
    const name = `artifacts ${randomBytes(6).toString('hex')}`
    const experiment_id = await createExperiment(bench.room, who, { name })
    const { run_id } = await createRun(bench.room, who, { experiment_id })
    return `${experiment_id}/${run_id}/artifacts`
  }
  const put = (path: string, content: string, who = bench.root) =>
    putArtifact(bench.room, who, path, Buffer.from(content))
  const read = async (path: string, who = bench.root): Promise<string> =>
    text((await openArtifact(bench.room, who, path)).stream)
  const reachable = async (): Promise<Set<string>> => {
    const found = new Set<string>()
    for await (const digest of reachableDigests(bench.room)) found.add(digest)
    return found
  }

  describe('trees of artifacts', () => {
    it('property: a folder lists what a set of paths says, files with sizes and folders without', async () => {
      const root = await tree()
      const random = stream(21)
      const pick = (n: number): number => Math.floor(random() * n)
      const files = new Map<string, string>()
      for (let i = 0; i < 25; i++) {
        const path = Array.from({ length: 1 + pick(3) }, () => 'abc'.charAt(pick(3))).join('/') + `/f${pick(3)}.txt`
        files.set(path, 'x'.repeat(pick(9)))
        await put(`${root}/${path}`, files.get(path) ?? '')
      }
      const folders = new Set(
        [...files.keys()].flatMap((path) =>
          path
            .split('/')
            .slice(0, -1)
            .map((_, at, all) => all.slice(0, at + 1).join('/')),
        ),
      )
      for (const folder of ['', ...folders]) {
        const inside = (path: string): boolean =>
          path.startsWith(folder === '' ? '' : `${folder}/`) &&
          !path.slice(folder === '' ? 0 : folder.length + 1).includes('/')
        const wanted = [
          ...[...folders].filter((path) => path !== folder && inside(path)).map((path) => ({ path, is_dir: true })),
          ...[...files]
            .filter(([path]) => inside(path))
            .map(([path, content]) => ({ path, is_dir: false, file_size: content.length })),
        ].toSorted((a, b) => (a.path < b.path ? -1 : 1))
        assert.deepEqual(await listFolder(bench.room, bench.root, folder === '' ? root : `${root}/${folder}`), wanted)
      }
    })

    it('a file put again has its new content, and one that is in no tree is not found', async () => {
      const root = await tree()
      await put(`${root}/a.txt`, 'old')
      await put(`${root}/a.txt`, 'new')
      assert.equal(await read(`${root}/a.txt`), 'new')
      await put(`${root}/d/b.txt`, 'b')
      await refused(read(`${root}/d`), 'INVALID_PARAMETER_VALUE', /refers to a directory/)
      await refused(read(`${root}/none`), 'RESOURCE_DOES_NOT_EXIST', /No such artifact/)
      await refused(put(root, 'x'), 'INVALID_PARAMETER_VALUE', /Invalid path/)
    })

    it('deletion takes a file, or a folder with all in it, and nothing whose name only begins alike', async () => {
      const root = await tree()
      for (const path of ['a', 'ab', 'd/x', 'd/e/y', 'dd/z']) await put(`${root}/${path}`, path)
      assert.equal(await deleteArtifacts(bench.room, bench.root, `${root}/a`), 1)
      assert.equal(await deleteArtifacts(bench.room, bench.root, `${root}/d`), 2)
      assert.equal(await deleteArtifacts(bench.room, bench.root, `${root}/none`), 0)
      const left = (await listFolder(bench.room, bench.root, root)).map((entry) => entry.path)
      assert.deepEqual(left, ['ab', 'dd'])
    })

    it('no spelling of a path leads out of a tree', async () => {
      const [mine, other] = [await tree(), await tree()]
      await put(`${other}/secret.txt`, 'secret')
      const away = `../../../${other}/secret.txt`
      for (const path of [
        away,
        encodeURIComponent(away),
        encodeURIComponent(encodeURIComponent(away)),
        away.replaceAll('/', '\\'),
      ]) {
        await refused(read(`${mine}/${path}`), 'INVALID_PARAMETER_VALUE', /Invalid path/)
        await refused(put(`${mine}/${path}`, 'x'), 'INVALID_PARAMETER_VALUE', /Invalid path/)
        await refused(
          deleteArtifacts(bench.room, bench.root, `${mine}/${path}`),
          'INVALID_PARAMETER_VALUE',
          /Invalid path/,
        )
      }
      assert.equal(await read(`${other}/secret.txt`), 'secret')
    })

    it('a project reads, writes, lists and deletes nothing in the tree of another, nor where no tree is', async () => {
      const root = await tree(bench.member('red'))
      await put(`${root}/a.txt`, 'red', bench.member('red'))
      const blue = bench.member('blue')
      const path = `${root}/a.txt`
      const missing = ['RESOURCE_DOES_NOT_EXIST', /No such artifact/] as const
      await refused(read(path, blue), ...missing)
      await refused(put(path, 'blue', blue), ...missing)
      await refused(listFolder(bench.room, blue, root), ...missing)
      await refused(deleteArtifacts(bench.room, blue, path), ...missing)
      await refused(createUpload(bench.room, blue, { folder: root, file: 'a.txt', parts: 1 }), ...missing)
      await refused(put('loose/file.txt', 'x', blue), ...missing)
      assert.equal(await read(path, bench.member('red')), 'red')
    })
  })

  describe('uploads in parts', () => {
    const part = async function* (content: Buffer): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < content.length; at += 1000) yield content.subarray(at, at + 1000)
    }
    const begin = async (folder: string, parts = 4) =>
      createUpload(bench.room, bench.root, { folder, file: 'big.bin', parts })
    const end = (folder: string, id: string, parts: { part_number: number; etag: string }[], file = 'big.bin') =>
      completeUpload(bench.room, bench.root, { folder, file, id, parts })

    it('parts that come in any order, twice and at once are joined by their numbers', async () => {
      const folder = await tree()
      const id = await begin(folder)
      const contents = [1, 2, 3, 4].map((n) => randomBytes(2500 + n))
      const etags = new Map<number, string>()
      etags.set(3, await putPart(bench.room, { id, part: 3 }, part(Buffer.from('a first try'))))
      await Promise.all(
        [4, 3, 1, 2].map(async (n) =>
          etags.set(n, await putPart(bench.room, { id, part: n }, part(contents[n - 1] as Buffer))),
        ),
      )
      const parts = [2, 4, 1, 3].map((part_number) => ({ part_number, etag: `"${etags.get(part_number)}"` }))
      await end(folder, id, parts)
      const whole = Buffer.concat(contents)
      const file = await findArtifact(bench.room, bench.root, `${folder}/big.bin`)
      const digest = `sha256:${createHash('sha256').update(whole).digest('hex')}`
      assert.deepEqual([file.size, file.digest], [whole.length, digest])
      await refused(end(folder, id, parts), 'RESOURCE_DOES_NOT_EXIST', /No upload/)
    })

    it('an end that names a part which was not stored so changes nothing, and the upload goes on', async () => {
      const folder = await tree()
      const id = await begin(folder)
      const etag = await putPart(bench.room, { id, part: 1 }, part(Buffer.from('one')))
      for (const parts of [
        [{ part_number: 2, etag }],
        [{ part_number: 1, etag: etag.replace(/.$/, (last) => (last === '0' ? '1' : '0')) }],
        [
          { part_number: 1, etag },
          { part_number: 3, etag },
        ],
      ]) {
        await refused(end(folder, id, parts), 'INVALID_PARAMETER_VALUE', /was not stored with ETag/)
      }
      await refused(end(folder, id, [{ part_number: 1, etag }], 'other.bin'), 'INVALID_PARAMETER_VALUE', /another path/)
      await refused(read(`${folder}/big.bin`), 'RESOURCE_DOES_NOT_EXIST', /No such artifact/)
      await end(folder, id, [{ part_number: 1, etag }])
      assert.equal(await read(`${folder}/big.bin`), 'one')
    })

    it('numbers of parts run from 1 to 10,000', async () => {
      const folder = await tree()
      const id = await begin(folder)
      for (const n of [0, -1, 1.5, 10_001]) {
        const work = putPart(bench.room, { id, part: n }, part(Buffer.from('x')))
        await refused(work, 'INVALID_PARAMETER_VALUE', /expected 1 to 10000/)
      }
      await putPart(bench.room, { id, part: 10_000 }, part(Buffer.from('x')))
      for (const parts of [0, 10_001]) await refused(begin(folder, parts), 'INVALID_PARAMETER_VALUE', /'num_parts'/)
    })

    it('bytes of parts are kept while the upload may go on, and no longer than a day', async () => {
      const folder = await tree()
      const id = await begin(folder)
      const etag = await putPart(bench.room, { id, part: 1 }, part(randomBytes(100)))
      bench.wait(DAY - 1)
      assert.ok((await reachable()).has(etag))
      bench.wait(1)
      assert.ok(!(await reachable()).has(etag))
      await begin(folder)
      await refused(
        putPart(bench.room, { id, part: 2 }, part(Buffer.from('x'))),
        'RESOURCE_DOES_NOT_EXIST',
        /No upload/,
      )
    })

    it('one that is ended without result leaves nothing that is reachable', async () => {
      const folder = await tree()
      const id = await begin(folder)
      const etag = await putPart(bench.room, { id, part: 1 }, part(randomBytes(100)))
      await refused(abortUpload(bench.room, bench.root, folder, 'none'), 'RESOURCE_DOES_NOT_EXIST', /No upload/)
      await abortUpload(bench.room, bench.root, folder, id)
      assert.ok(!(await reachable()).has(etag))
      await refused(abortUpload(bench.room, bench.root, folder, id), 'RESOURCE_DOES_NOT_EXIST', /No upload/)
    })

    it("the last part of a client's own path names the file, whatever its separator", async () => {
      const folder = await tree()
      for (const file of ['C:\\data\\big.bin', '/home/u/big.bin', 'C:big.bin']) {
        const id = await createUpload(bench.room, bench.root, { folder, file, parts: 1 })
        const etag = await putPart(bench.room, { id, part: 1 }, part(Buffer.from(file)))
        await end(folder, id, [{ part_number: 1, etag }], file)
        assert.equal(await read(`${folder}/big.bin`), file)
      }
      for (const file of ['', '.', '..', 'a/..', 'C:']) {
        const work = createUpload(bench.room, bench.root, { folder, file, parts: 1 })
        await refused(work, 'INVALID_PARAMETER_VALUE', /Invalid path/)
      }
    })
  })
}
