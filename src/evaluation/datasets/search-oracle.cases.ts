/** Cases: searches of evaluation datasets with filters and orders by chance, against plain JavaScript. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { refused, stream } from '../../tracking/bench.cases.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { createExperiment } from '../../tracking/experiments/experiments.ts'
import { searchSets } from './search.ts'
import type { SetSearch } from './search.ts'
import { createSet } from './sets.ts'
import type { WireSet } from './sets.ts'

interface Clause {
  readonly text: string
  readonly fits: (set: WireSet) => boolean
}

const NAMES = ['apple', 'Apple', 'apple pie', 'banana', 'b_n%na']
const USERS = ['ann', 'bob', undefined]
const TEAMS = ['red', 'Red', '', undefined]

const tagOf = (set: WireSet, key: string) => (JSON.parse(set.tags) as Record<string, string>)[key]

/** SQL's LIKE: `%` any text, `_` any character, both engines with case unless `ILIKE`. */
function like(pattern: string, flags: string): (value: string) => boolean {
  const plain = pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const regexp = new RegExp(`^${plain.replaceAll('%', '.*').replaceAll('_', '.')}$`, `s${flags}`)
  return (value) => regexp.test(value)
}

export function datasetSearchOracleCases(bench: Bench): void {
  describe('searches of evaluation datasets, against plain JavaScript', () => {
    const random = stream(21)
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
    const sets: WireSet[] = []
    let experiment = ''
    const search = (more: Partial<SetSearch>) =>
      searchSets(bench.room, bench.root, {
        experiment_ids: [experiment],
        filter: undefined,
        order_by: [],
        max_results: 100,
        page_token: undefined,
        ...more,
      })

    before(async () => {
      experiment = await createExperiment(bench.room, bench.root, { name: 'of chance' })
      for (let at = 0; at < 40; at++) {
        const [user, team] = [pick(USERS), pick(TEAMS)]
        const tags = { ...(user !== undefined && { 'mlflow.user': user }), ...(team !== undefined && { team }) }
        sets.push(await createSet(bench.room, bench.root, { name: pick(NAMES), experiment_ids: [experiment], tags }))
        if (random() < 0.6) bench.wait(1)
      }
    })

    /** A value that is not there fits no comparison. */
    const ofText = (name: string, values: readonly string[], of: (set: WireSet) => string | undefined): Clause => {
      const value = pick(values)
      const pattern = pick(['a%', '%A%', '_pple', 'b\u005fn%', '%'])
      const fits = (test: (found: string) => boolean) => (set: WireSet) => {
        const found = of(set)
        return found !== undefined && test(found)
      }
      return pick<Clause>([
        { text: `${name} = '${value}'`, fits: fits((found) => found === value) },
        { text: `${name} != '${value}'`, fits: fits((found) => found !== value) },
        { text: `${name} LIKE '${pattern}'`, fits: fits(like(pattern, '')) },
        { text: `${name} ILIKE '${pattern}'`, fits: fits(like(pattern, 'i')) },
      ])
    }
    const clause = (): Clause => {
      const time = pick(sets).created_time
      const id = pick(sets).dataset_id
      return pick<() => Clause>([
        () => ofText('name', NAMES, (set) => set.name),
        () => ofText('attributes.created_by', ['ann', 'bob'], (set) => set.created_by),
        () => ofText('tags.team', ['red', 'Red', ''], (set) => tagOf(set, 'team')),
        () => ({ text: 'tags.team IS NULL', fits: (set) => tagOf(set, 'team') === undefined }),
        () => ({ text: 'tag.team IS NOT NULL', fits: (set) => tagOf(set, 'team') !== undefined }),
        () => ({ text: `created_time > ${time}`, fits: (set) => set.created_time > time }),
        () => ({ text: `created_time <= ${time}`, fits: (set) => set.created_time <= time }),
        () => ({ text: `last_update_time != ${time}`, fits: (set) => set.last_update_time !== time }),
        () => ({ text: `dataset_id IN ('${id}', 'd-none')`, fits: (set) => set.dataset_id === id }),
        () => ({ text: `attr.dataset_id NOT IN ('${id}')`, fits: (set) => set.dataset_id !== id }),
      ])()
    }
    const byText = (left: string, right: string) => (left < right ? -1 : Number(left > right))
    /** Orders that may be asked for, and what they compare; who is not known comes as ''. */
    const ORDERS: readonly (readonly [string, (left: WireSet, right: WireSet) => number])[] = [
      ['name', (left, right) => byText(left.name, right.name)],
      ['name DESC', (left, right) => byText(right.name, left.name)],
      ['created_by ASC', (left, right) => byText(left.created_by ?? '', right.created_by ?? '')],
      ['last_updated_by DESC', (left, right) => byText(right.last_updated_by ?? '', left.last_updated_by ?? '')],
      ['created_time', (left, right) => left.created_time - right.created_time],
      ['last_update_time DESC', (left, right) => right.last_update_time - left.last_update_time],
    ]

    it('property: a page of any size goes through what fits, in the order that is asked', async () => {
      const found = { none: 0, some: 0 }
      for (let round = 0; round < 60; round++) {
        const clauses = Array.from({ length: Math.floor(random() * 4) }, clause)
        const orders = Array.from({ length: Math.floor(random() * 3) }, () => pick(ORDERS))
        const order_by = orders.map(([text]) => text)
        const filter = clauses.map((one) => one.text).join(' AND ') || undefined
        const wanted = sets
          .filter((set) => clauses.every((one) => one.fits(set)))
          .sort((left, right) => {
            const asked = orders.map(([, compare]) => compare(left, right)).find((order) => order !== 0)
            // newest first, then by id
            return asked ?? (right.created_time - left.created_time || byText(left.dataset_id, right.dataset_id))
          })
        const max_results = 1 + Math.floor(random() * 15)
        const ids: string[] = []
        let page_token: string | undefined
        do {
          const page = await search({ filter, order_by, max_results, page_token })
          assert.ok(page.datasets.length <= max_results)
          ids.push(...page.datasets.map((set) => set.dataset_id))
          page_token = page.next_page_token
        } while (page_token !== undefined)
        assert.deepEqual(
          ids,
          wanted.map((set) => set.dataset_id),
          `${filter} ordered by ${order_by.join()}`,
        )
        found[wanted.length === 0 ? 'none' : 'some']++
      }
      assert.ok(found.some > 30 && found.none > 3, JSON.stringify(found))
    })

    it('pages go on where they were though a dataset before them is made', async () => {
      const first = await search({ max_results: 7 })
      bench.wait(1)
      const { dataset_id } = await createSet(bench.room, bench.root, {
        name: 'late',
        experiment_ids: [experiment],
        tags: {},
      })
      const rest = await search({ page_token: first.next_page_token })
      const ids = [...first.datasets, ...rest.datasets].map((set) => set.dataset_id)
      assert.deepEqual(ids.toSorted(), sets.map((set) => set.dataset_id).toSorted())
      assert.equal((await search({})).datasets[0]?.dataset_id, dataset_id)
    })

    it('a token of another filter, order, experiment or caller is refused', async () => {
      const { next_page_token: page_token } = await search({ max_results: 1 })
      for (const other of [{ filter: "name = 'apple'" }, { order_by: ['name'] }, { experiment_ids: [] }]) {
        await refused(search({ ...other, page_token }), 'INVALID_PARAMETER_VALUE', /another query/)
      }
      const asked = { experiment_ids: [experiment], filter: undefined, order_by: [], max_results: 1, page_token }
      await refused(searchSets(bench.room, bench.member('red'), asked), 'INVALID_PARAMETER_VALUE', /another query/)
    })
  })
}
