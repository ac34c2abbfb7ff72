/** Models of today's scikit-learn but linear ones, lowered and replayed; those of the oldest supported one are in test/lowering. */
import { testModels } from '../../../test/lowering/models.ts'
import { PACKAGES } from '../../../test/serving-models.ts'

testModels('newest', 'others', PACKAGES)
