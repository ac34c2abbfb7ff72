/** Cases: evaluation datasets, their records, tags and experiments, in a project's own walls. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { refused, stream } from '../../tracking/bench.cases.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { createExperiment } from '../../tracking/experiments/experiments.ts'
import { deleteRecords, inputHash, putRecords, readRecords, recordsOf } from './records.ts'
import { searchSets } from './search.ts'
import { createSet, deleteSet, deleteSetTag, getSet, linkSet, setSetTags } from './sets.ts'

export function datasetCases(bench: Bench): void {
  const make = (name: string, tags: Record<string, string> = {}, experiment_ids: string[] = [], who = bench.root) =>
    createSet(bench.room, who, { name, experiment_ids, tags })
  const put = (id: string, records: unknown) =>
    putRecords(bench.room, bench.root, id, recordsOf(JSON.stringify(records)))
  const read = async (text: string) => recordsOf(text)
  const pages = async (id: string, max_results: number): Promise<Record<string, unknown>[]> => {
    const found: Record<string, unknown>[] = []
    let page_token: string | undefined
    do {
      const page = await readRecords(bench.room, bench.root, id, { max_results, page_token })
      assert.ok(page.records.length <= max_results)
      found.push(...page.records)
      page_token = page.next_page_token
    } while (page_token !== undefined)
    return found
  }

  describe('records of evaluation datasets', () => {
    it('one whose inputs are there, in any order of keys, is merged; another is new', async () => {
      const { dataset_id } = await make('merged')
      const first = { inputs: { q: 'a', k: { x: 1, y: 2 } }, expectations: { e: 1 }, tags: { t: '1' }, outputs: 'o' }
      assert.deepEqual(await put(dataset_id, [first]), { inserted_count: 1, updated_count: 0 })
      bench.wait(5)
      const again = { inputs: { k: { y: 2, x: 1 }, q: 'a' }, expectations: { f: 2 }, tags: { t: '2' } }
      assert.deepEqual(await put(dataset_id, [again, { inputs: { q: 'b' } }]), { inserted_count: 1, updated_count: 1 })
      const records = await pages(dataset_id, 10)
      const merged = records.find((record) => (record['inputs'] as { q: string }).q === 'a')
      assert.deepEqual(merged?.['expectations'], { e: 1, f: 2 })
      assert.deepEqual(merged['tags'], { t: '2' })
      assert.equal(merged['outputs'], 'o')
      assert.equal(records.length, 2)
      assert.equal((await getSet(bench.room, bench.root, dataset_id)).profile, '{"num_records":2}')
    })

    it('where a record comes from is what was said first', async () => {
      const { dataset_id } = await make('sources')
      const source = (type: string, trace_id: string) => ({ source_type: type, source_data: { trace_id } })
      await put(dataset_id, [{ inputs: { q: 1 }, source: source('trace', 'tr-1') }])
      await put(dataset_id, [{ inputs: { q: 1 }, source: source('HUMAN', 'tr-2') }])
      const [record] = await pages(dataset_id, 10)
      assert.deepEqual([record?.['source_type'], record?.['source_id']], ['TRACE', 'tr-1'])
    })

    it('property: pages of any size hold each record once, and deletion takes just those that are named', async () => {
      const { dataset_id } = await make('paged')
      const random = stream(8)
      for (let i = 0; i < 30; i++) {
        await put(dataset_id, [{ inputs: { i } }])
        if (random() < 0.5) bench.wait(1)
      }
      const whole = await pages(dataset_id, 100)
      assert.equal(new Set(whole.map((record) => record['dataset_record_id'])).size, 30)
      for (const size of [1, 7, 30]) assert.deepEqual(await pages(dataset_id, size), whole)
      const gone = whole.slice(0, 12).map((record) => String(record['dataset_record_id']))
      assert.equal(await deleteRecords(bench.room, bench.root, dataset_id, [...gone, 'dr-none']), 12)
      assert.deepEqual(await pages(dataset_id, 100), whole.slice(12))
      assert.equal((await getSet(bench.room, bench.root, dataset_id)).profile, '{"num_records":18}')
      assert.equal(await deleteRecords(bench.room, bench.root, dataset_id, gone), 0)
    })

    it('the schema keeps the first type of each field, and the digest changes with every change', async () => {
      const made = await make('typed')
      const digests = [made.digest]
      for (const records of [
        [{ inputs: { n: 1, s: 'x', l: [1] }, outputs: { ok: true } }],
        [{ inputs: { n: 'later', f: 0.5, z: null }, expectations: { e: {} } }],
      ]) {
        bench.wait(1)
        await put(made.dataset_id, records)
        digests.push((await getSet(bench.room, bench.root, made.dataset_id)).digest)
      }
      const { schema } = await getSet(bench.room, bench.root, made.dataset_id)
      assert.deepEqual(JSON.parse(schema ?? ''), {
        inputs: { n: 'integer', s: 'string', l: 'array', f: 'float', z: 'null' },
        outputs: { ok: 'boolean' },
        expectations: { e: 'object' },
        version: '1.0',
      })
      assert.equal(new Set(digests).size, 3)
    })

    for (const [what, text, message] of [
      ['no JSON', '{', /expected a JSON list of records/],
      ['no list', '{}', /expected a JSON list/],
      ['a list of texts', '["a"]', /'records\[0\]' supplied: expected a JSON object/],
      ['a record without inputs', '[{"inputs": {}}, {}]', /'records\[1\]\.inputs'/],
      ['inputs that are a list', '[{"inputs": []}]', /'records\[0\]\.inputs' supplied/],
      ['tags that are a text', '[{"inputs": {}, "tags": "a"}]', /'records\[0\]\.tags' supplied/],
      ['a source of no kind', '[{"inputs": {}, "source": {"source_type": "x"}}]', /source type: X/],
      [
        'too many records',
        `[${Array<string>(10_001).fill('{"inputs":{}}').join()}]`,
        /at most 10000 records\. Got 10001/,
      ],
    ] as const) {
      it(`refuses ${what}`, () => refused(read(text), 'INVALID_PARAMETER_VALUE', message))
    }

    it('a token of another dataset, or without a position, is refused', async () => {
      const [a, b] = [await make('a'), await make('b')]
      await put(a.dataset_id, [{ inputs: { i: 1 } }, { inputs: { i: 2 } }])
      const first = await readRecords(bench.room, bench.root, a.dataset_id, { max_results: 1, page_token: undefined })
      const readFrom = (id: string, page_token: string | undefined) =>
        readRecords(bench.room, bench.root, id, { max_results: 1, page_token })
      await refused(readFrom(b.dataset_id, first.next_page_token), 'INVALID_PARAMETER_VALUE', /another query/)
      const offset = Buffer.from('{"offset":1}').toString('base64')
      await refused(readFrom(a.dataset_id, offset), 'INVALID_PARAMETER_VALUE', /no position/)
    })

    it('the hash of inputs does not see the order of keys, and sees everything else', () => {
      assert.equal(inputHash({ a: 1, b: { c: [1, 2], d: null } }), inputHash({ b: { d: null, c: [1, 2] }, a: 1 }))
      const others = [{ a: 1 }, { a: '1' }, { a: [1] }, { a: null }, { b: 1 }, { a: [1, 2] }, { a: [2, 1] }, {}]
      assert.equal(new Set(others.map(inputHash)).size, others.length)
    })
  })

  describe('evaluation datasets', () => {
    it('tags are set and taken away, and joins with experiments made and parted', async () => {
      const { room, root } = bench
      const ids = await Promise.all(['e1', 'e2'].map((name) => createExperiment(room, root, { name: `sets ${name}` })))
      const { dataset_id } = await make('joined', { a: '1', b: '2' }, [ids[0] ?? ''])
      await setSetTags(room, root, dataset_id, { a: null, b: '3', c: '4' })
      await deleteSetTag(room, root, dataset_id, 'c')
      assert.deepEqual(JSON.parse((await getSet(room, root, dataset_id)).tags), { b: '3' })
      const joined = await linkSet(room, root, dataset_id, { add: ids })
      assert.deepEqual(joined.experiment_ids, [...ids].sort())
      const parted = await linkSet(room, root, dataset_id, { remove: ids })
      assert.equal(parted.experiment_ids, undefined)
      await refused(linkSet(room, root, dataset_id, { add: ['999999'] }), 'RESOURCE_DOES_NOT_EXIST', /999999/)
    })

    it('search finds by name, tag, experiment and time, in the order that is asked, in pages', async () => {
      const { room, root } = bench
      const experiment = await createExperiment(room, root, { name: 'sets of a search' })
      for (const [name, team] of [
        ['s-one', 'red'],
        ['s-two', 'blue'],
        ['s-three', 'red'],
      ] as const) {
        bench.wait(10)
        await make(name, { team }, [experiment])
      }
      const search = (filter: string | undefined, order_by: string[] = ['name ASC'], max_results = 10) =>
        searchSets(room, root, { experiment_ids: [experiment], filter, order_by, max_results, page_token: undefined })
      const names = async (filter: string | undefined, order_by?: string[]) =>
        (await search(filter, order_by)).datasets.map((set) => set.name)
      assert.deepEqual(await names(undefined, []), ['s-three', 's-two', 's-one'], 'newest first')
      assert.deepEqual(await names(undefined), ['s-one', 's-three', 's-two'])
      assert.deepEqual(await names("tags.team = 'red'"), ['s-one', 's-three'])
      assert.deepEqual(await names("name LIKE '%t%' AND tags.team != 'red'"), ['s-two'])
      assert.deepEqual(await names(undefined, ['created_time DESC']), ['s-three', 's-two', 's-one'])
      const first = await search(undefined, ['name DESC'], 2)
      assert.deepEqual(
        first.datasets.map((set) => set.name),
        ['s-two', 's-three'],
      )
      const asked = { experiment_ids: [experiment], filter: undefined, order_by: ['name DESC'], max_results: 2 }
      const second = await searchSets(room, root, { ...asked, page_token: first.next_page_token })
      assert.deepEqual([second.datasets.map((set) => set.name), second.next_page_token], [['s-one'], undefined])
      await refused(search("color = 'x'"), 'INVALID_PARAMETER_VALUE', /color/)
      await refused(search(undefined, ['tags.team ASC']), 'INVALID_PARAMETER_VALUE', /order_by/)
    })

    it('a project sees, changes and deletes none of another', async () => {
      const { room } = bench
      const [red, blue] = [bench.member('red'), bench.member('blue')]
      const { dataset_id } = await make('walled', { a: '1' }, [], red)
      const missing = ['RESOURCE_DOES_NOT_EXIST', /not found/] as const
      await refused(getSet(room, blue, dataset_id), ...missing)
      await refused(setSetTags(room, blue, dataset_id, { a: '2' }), ...missing)
      await refused(linkSet(room, blue, dataset_id, {}), ...missing)
      await refused(putRecords(room, blue, dataset_id, recordsOf('[{"inputs": {}}]')), ...missing)
      await refused(readRecords(room, blue, dataset_id, { max_results: 1, page_token: undefined }), ...missing)
      await refused(deleteRecords(room, blue, dataset_id, ['x']), ...missing)
      await deleteSetTag(room, blue, dataset_id, 'a')
      await deleteSet(room, blue, dataset_id)
      assert.deepEqual(JSON.parse((await getSet(room, red, dataset_id)).tags), { a: '1' })
      const asked = {
        experiment_ids: [],
        filter: "name = 'walled'",
        order_by: [],
        max_results: 5,
        page_token: undefined,
      }
      assert.deepEqual((await searchSets(room, blue, asked)).datasets, [])
      await deleteSet(room, red, dataset_id)
      await refused(getSet(room, red, dataset_id), ...missing)
    })

    it('names and tags keep their limits', async () => {
      const limit = 'INVALID_PARAMETER_VALUE'
      await refused(make('  '), limit, /'name'/)
      await refused(make('n'.repeat(256)), limit, /maximum length of 255/)
      await make('n'.repeat(255), { k: 'v'.repeat(5000) })
      await refused(make('x', { k: 'v'.repeat(5001) }), limit, /maximum length of 5000/)
      await refused(make('x', { '../k': 'v' }), limit, /resolve/)
      await refused(make('x', {}, Array<string>(1001).fill('0')), limit, /at most 1000 experiment_ids\. Got 1001/)
    })
  })
}
