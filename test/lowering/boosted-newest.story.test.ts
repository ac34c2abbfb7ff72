/** The newest versions of XGBoost and LightGBM in the lowering matrix. */
import { test } from 'node:test'
import { checkColumn, SKIP } from './matrix.ts'

test('XGBoost and LightGBM 3.2.0 and 4.7.0 lower what docs/reference/lowering.md says', { skip: SKIP }, () =>
  checkColumn('XGBoost and LightGBM', '3.2.0 and 4.7.0', 'all'),
)
