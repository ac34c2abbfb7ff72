/** Linear models of the oldest supported scikit-learn. */
import { OLDEST_LEARN } from '../clients/packages.ts'
import { testModels } from './models.ts'

testModels('oldest', 'linear', OLDEST_LEARN)
