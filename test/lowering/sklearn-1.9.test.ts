/** The column of scikit-learn 1.9 of the lowering matrix. */
import { test } from 'node:test'
import { checkColumn, SKIP } from './matrix.ts'

test('scikit-learn 1.9.1 lowers what docs/reference/lowering.md says', { skip: SKIP, timeout: 290_000 }, () =>
  checkColumn('scikit-learn', '1.9.1'),
)
