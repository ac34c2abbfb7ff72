/** CatBoost in the table of what is exported to ONNX. */
import { test } from 'node:test'
import { checkColumn, SKIP } from './matrix.ts'

test('CatBoost 1.2.10 is exported as docs/reference/lowering.md says', { skip: SKIP }, () =>
  checkColumn('Exported to ONNX', 'CatBoost 1.2.10', 'all'),
)
