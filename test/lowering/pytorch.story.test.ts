/** PyTorch in the table of what is exported to ONNX. */
import { test } from 'node:test'
import { checkColumn, HEAVY } from './matrix.ts'

test('PyTorch 2.15.0 is exported as docs/reference/lowering.md says', { skip: HEAVY }, () =>
  checkColumn('Exported to ONNX', 'PyTorch 2.15.0', 'all'),
)
