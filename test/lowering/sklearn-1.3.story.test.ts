/** Models of the oldest supported scikit-learn but linear ones. */
import { OLDEST_LEARN } from '../clients/packages.ts'
import { testModels } from './models.ts'

testModels('oldest', 'others', OLDEST_LEARN)
