/** Models of XGBoost 3.2. */
import { testBoosted } from './boosted.ts'

testBoosted('xgboost', 'newest')
