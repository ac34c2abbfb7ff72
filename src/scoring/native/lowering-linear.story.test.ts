/** Linear models of today's scikit-learn, lowered and replayed; those of the oldest supported one are in test/lowering. */
import { testModels } from '../../../test/lowering/models.ts'
import { PACKAGES } from '../../../test/serving-models.ts'

testModels('newest', 'linear', PACKAGES)
