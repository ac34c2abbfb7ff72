/** What a page says of rows that did not come in time. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { partText } from '../../../test/web/components.ts'

const said = (times: Partial<Record<'late' | 'too_late' | 'ahead', number>>, againFrom: string | null = null) =>
  partText(
    'monitoring/untimely',
    'Untimely',
    { monitor: { times: { late: 0, too_late: 0, ahead: 0, ...times }, again_from: againFrom } },
    {},
  )

it('nothing where all rows came in time', async () => {
  assert.equal(await said({}), '')
})

it('each kind with its number and what became of the rows', async () => {
  assert.equal(
    await said({ late: 12, too_late: 3, ahead: 1 }, '2013-09-15T23:00:00.000Z'),
    'Rows that did not come in time: the hours from 2013-09-15 23:00 UTC on are about to be judged again; 12 came after their hour was judged, which was judged again; 3 came more than a week late, or after another reference was taken up, and are not judged; 1 had a time ahead of the clock.',
  )
  assert.equal(
    await said({ too_late: 3 }),
    'Rows that did not come in time: 3 came more than a week late, or after another reference was taken up, and are not judged.',
  )
})
