/** The first half of the column of scikit-learn 1.5 of the lowering matrix. */
import { test } from 'node:test'
import { checkColumn, SKIP } from './matrix.ts'

test('scikit-learn 1.5.2 lowers what docs/reference/lowering.md says, first half', { skip: SKIP }, () =>
  checkColumn('scikit-learn', '1.5.2', 'first'),
)
