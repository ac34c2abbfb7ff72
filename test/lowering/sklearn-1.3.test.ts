/** Models of the oldest supported scikit-learn. */
import { testModels } from './models.ts'

testModels('oldest', [
  'scikit-learn==1.3.2',
  'numpy==1.26.4',
  'scipy==1.17.1',
  'pandas==2.2.3',
  'mlflow-skinny==2.22.5',
])
