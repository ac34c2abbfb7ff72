/** TensorFlow in the table of what is exported to ONNX. */
import { test } from 'node:test'
import { checkColumn, HEAVY } from './matrix.ts'

test('TensorFlow 2.21.0 is exported as docs/reference/lowering.md says', { skip: HEAVY }, () =>
  checkColumn('Exported to ONNX', 'TensorFlow 2.21.0', 'all'),
)
