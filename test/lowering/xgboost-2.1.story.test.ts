/** Models of XGBoost 2.1. */
import { testBoosted } from './boosted.ts'

testBoosted('xgboost', 'older')
